"""The words that seeded companies are made of: data, so that worlds read like real ones."""

from __future__ import annotations

from decimal import Decimal

from statecfg.sandbox.seeding.portfolio import Currency, LegalEntity

CURRENCIES = (
    Currency("USD", "US Dollar", "$", 2, Decimal("1")),
    Currency("EUR", "Euro", "€", 2, Decimal("0.92")),
    Currency("GBP", "Pound Sterling", "£", 2, Decimal("0.79")),
    Currency("CHF", "Swiss Franc", "CHF", 2, Decimal("0.88")),
    Currency("SEK", "Swedish Krona", "kr", 2, Decimal("10.45")),
    Currency("NOK", "Norwegian Krone", "kr", 2, Decimal("10.71")),
    Currency("DKK", "Danish Krone", "kr.", 2, Decimal("6.86")),
    Currency("PLN", "Polish Zloty", "zł", 2, Decimal("3.98")),
    Currency("CZK", "Czech Koruna", "Kč", 2, Decimal("23.1")),
    Currency("HUF", "Hungarian Forint", "Ft", 2, Decimal("362")),
    Currency("CAD", "Canadian Dollar", "$", 2, Decimal("1.36")),
    Currency("AUD", "Australian Dollar", "$", 2, Decimal("1.52")),
    Currency("NZD", "New Zealand Dollar", "$", 2, Decimal("1.65")),
    Currency("SGD", "Singapore Dollar", "$", 2, Decimal("1.34")),
    Currency("JPY", "Japanese Yen", "¥", 0, Decimal("150")),
    Currency("KWD", "Kuwaiti Dinar", "KD", 3, Decimal("0.31")),
)

ENTITIES = (
    LegalEntity("usmf", "Contoso Entertainment System USA", "USD", "USA", "Seattle"),
    LegalEntity("demf", "Contoso Entertainment System Germany", "EUR", "DEU", "Berlin"),
    LegalEntity("gbsi", "Contoso Consulting GB", "GBP", "GBR", "London"),
)

# How many of ten contracts belong to each legal entity, in the order of ENTITIES.
ENTITY_WEIGHTS = (5, 3, 2)

TAX_RATES = {"USD": Decimal("0"), "EUR": Decimal("0.19"), "GBP": Decimal("0.20")}

CUSTOMERS = (
    "Fourth Coffee",
    "Litware",
    "Adventure Works",
    "Proseware",
    "Northwind Traders",
    "Trey Research",
    "Tailspin Toys",
    "Wide World Importers",
    "Alpine Ski House",
    "Blue Yonder Airlines",
    "City Power & Light",
    "Coho Winery",
    "Consolidated Messenger",
    "Fabrikam",
    "Graphic Design Institute",
    "Humongous Insurance",
    "Lucerne Publishing",
    "Margie's Travel",
    "Relecloud",
    "School of Fine Art",
    "Southridge Video",
    "The Phone Company",
    "VanArsdel",
    "Wingtip Toys",
    "Woodgrove Bank",
    "Bellows College",
    "Best For You Organics",
    "Munson's Pickles",
    "Nod Publishers",
    "Liberty's Delightful Sinful Bakery",
)

UNDERTAKINGS = (
    "Control room",
    "Plant network",
    "Warehouse automation",
    "Robot cell",
    "Baggage hall",
    "Data platform",
    "Tunnel ventilation",
    "Packing line",
    "Substation",
    "Cold store",
    "Stage lighting",
    "Ticketing",
    "Signalling",
    "Laboratory fit-out",
    "Water treatment",
    "Boiler house",
    "Customer portal",
    "Test rig",
)

WORK = (
    "Engineering",
    "Hardware",
    "Software",
    "Installation",
    "Commissioning",
    "Training",
    "Documentation",
    "Migration",
    "Integration",
    "Site works",
    "Safety case",
    "Project management",
)

MILESTONES = (
    "Kick-off",
    "Concept",
    "Requirements sign-off",
    "Design sign-off",
    "Long-lead items ordered",
    "Prototype",
    "Factory acceptance",
    "Delivery to site",
    "Installation complete",
    "Site acceptance",
    "Go-live",
    "Handover",
)

OPEN_MILESTONES = ("Final acceptance", "Retention release", "Warranty end")

TIME_WORK = ("Support of the pilot", "Change request", "Workshop on site", "Tuning", "Data cleansing")

COST_CENTRES = ("018", "022", "024", "031")
DEPARTMENTS = ("Projects", "Service", "Engineering")
