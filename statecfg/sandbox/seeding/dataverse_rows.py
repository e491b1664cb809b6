"""A company's records as rows of Dataverse: what stands there before anybody's milestones.

One function a table, each a plain list of rows; amounts in base currency are filled in at the end for all of them.
Source of columns and option values: reference/project-operations.md, "Dataverse tables".
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from statecfg.sandbox.dataverse.records import DUAL_WRITE_USER, SYSTEM_USER
from statecfg.sandbox.projops import codes
from statecfg.sandbox.seeding.identities import Identities
from statecfg.sandbox.seeding.portfolio import Billing, Contract, Line, Milestone, Portfolio, TimeEntry

Row = dict[str, Any]

CONTRACT_CONFIRMED = 192350003
WON_ON = "2021-01-15T09:00:00Z"
HUNDRED = Decimal(100)


@dataclass(frozen=True)
class DataverseRows:
    """Rows of one company. Every id follows from the seed and the business key. made_on: when all of it was made."""

    company: Portfolio
    people: Identities
    made_on: str

    def id(self, kind: str, *key: str) -> str:
        """The id of a record by its business key."""
        return self.company.identity(kind, *key)

    @cached_property
    def rates(self) -> Mapping[str, Decimal]:
        """Exchange rate of each currency to the base currency."""
        return {currency.code: currency.rate for currency in self.company.currencies}

    @cached_property
    def contracts(self) -> Mapping[str, Contract]:
        """Contracts by number."""
        return {contract.number: contract for contract in self.company.contracts}

    def tables(self) -> Iterator[tuple[str, Iterable[Row]]]:
        """Each table with its rows, those first that others point to."""
        yield "organization", self._organization()
        yield "businessunit", [{"businessunitid": self.people.business_unit, "name": "Contoso"}]
        yield "systemuser", self._users()
        yield "transactioncurrency", self._currencies()
        yield "cdm_company", self._companies()
        yield "msdyn_organizationalunit", self._units()
        yield "pricelevel", self._price_lists()
        yield "uom", [{"uomid": self.id("unit", n), "name": n, "quantity": Decimal(1)} for n in ("Each", "Hour")]
        yield "msdyn_transactioncategory", self._categories()
        yield "account", self._accounts()
        yield "salesorder", self._contracts()
        yield "msdyn_project", self._projects()
        yield "salesorderdetail", self._lines()
        yield "msdyn_projectcontractsplitbillingrule", self._splits()
        yield (
            "msdyn_projectparameter",
            [self._made(msdyn_projectparameterid=self.id("parameters"), msdyn_name="Default")],
        )

    def milestone(self, m: Milestone, status: int) -> Row:
        """One milestone with an invoice status; both date columns are filled, as the product does."""
        contract = self.contracts[m.contract]
        line = next(each for each in contract.lines if each.name == m.line)
        day = m.date.isoformat()
        return self._based(
            m.currency,
            self._made(
                msdyn_contractlinescheduleofvalueid=self.id("milestone", *m.key),
                msdyn_name=m.name,
                msdyn_amount=m.amount,
                msdyn_tax=m.tax,
                msdyn_amount_after_tax=m.amount + m.tax,
                msdyn_invoicedate=f"{day}T00:00:00Z",
                msdyn_milestonedate=day,
                msdyn_invoicestatus=status,
                msdyn_transactionclassification=codes.MILESTONE,
                msdyn_transactiontypecode=codes.BILLED_SALES,
                msdyn_contract=self.id("contract", m.contract),
                msdyn_contractlineid=self.line_id(line),
                msdyn_contractline=self.line_id(line),
                msdyn_description=m.description or None,
                msdyn_project=self.id("project", line.project),
            ),
        )

    def time_entry(self, number: int, entry: TimeEntry) -> Row:
        """Approved hours as an unbilled sales actual that is ready to be invoiced."""
        contract = self.contracts[entry.contract]
        line = next(each for each in contract.lines if each.name == entry.line)
        day = f"{entry.date.isoformat()}T00:00:00Z"
        return self._based(
            contract.currency,
            self._made(
                msdyn_actualid=self.id("time", entry.contract, str(number)),
                msdyn_description=entry.description,
                msdyn_salescontract=self.id("contract", contract.number),
                msdyn_salescontractlineid=self.line_id(line),
                msdyn_salescontractline=self.line_id(line),
                msdyn_project=self.id("project", line.project),
                msdyn_quantity=entry.hours,
                msdyn_price=entry.price,
                msdyn_amount=(entry.hours * entry.price).quantize(Decimal("0.01")),
                msdyn_amountmethod=codes.MULTIPLY,
                msdyn_billingtype=codes.CHARGEABLE,
                msdyn_billingstatus=codes.READY_TO_INVOICE,
                msdyn_transactionclassification=codes.TIME,
                msdyn_transactiontypecode=codes.UNBILLED_SALES,
                msdyn_documentdate=day,
                msdyn_startdatetime=day,
                msdyn_enddatetime=day,
                msdyn_accountingdate=day,
                msdyn_customertype=codes.CUSTOMER_ACCOUNT,
                msdyn_accountcustomer=self.id("customer", contract.entity, contract.customer),
                msdyn_transactioncategory=self.id("category", "Time"),
                msdyn_owningcompany=self.id("company", contract.entity),
                msdyn_contractorganizationalunitid=self.id("unit of", contract.entity),
                msdyn_skipsync=False,
            ),
        )

    def line_id(self, line: Line) -> str:
        """The id of a contract line."""
        return self.id("line", line.contract, line.name)

    def _made(self, **columns: Any) -> Row:
        """A row that a colleague made before the cutover."""
        maker = self.people.colleagues[0].id
        return columns | {
            "createdon": self.made_on,
            "modifiedon": self.made_on,
            "createdby": maker,
            "modifiedby": maker,
            "ownerid": maker,
            "owningbusinessunit": self.people.business_unit,
        }

    def _based(self, currency: str, row: Row) -> Row:
        """The row with its currency, its rate, and each amount in base currency too."""
        rate = self.rates[currency]
        amounts = {
            f"{name}_base": (value / rate).quantize(Decimal("0.0001"))
            for name, value in row.items()
            if isinstance(value, Decimal) and name not in ("msdyn_quantity", "quantity", "msdyn_allocationpercentage")
        }
        return row | amounts | {"transactioncurrencyid": self.id("currency", currency), "exchangerate": rate}

    def _organization(self) -> list[Row]:
        base = self.id("currency", "USD")
        # An id of its own for each planted world: what was recorded of an earlier one must not be taken for this one.
        return [{"organizationid": str(uuid.uuid4()), "name": "contoso", "basecurrencyid": base}]

    def _users(self) -> Iterator[Row]:
        people = self.people
        yield self._user(SYSTEM_USER, "SYSTEM")
        for person in (people.administrator, *people.colleagues):
            user = self._user(person.id, person.name) | {"azureactivedirectoryobjectid": person.entra.object_id}
            yield user | {"domainname": person.sign_in, "internalemailaddress": person.sign_in}
        ids = (people.app_user, DUAL_WRITE_USER, self.id("app", "data integration"))
        for user_id, app in zip(ids, (people.application, *people.services), strict=True):
            user = self._user(user_id, f"# {app.name}") | {"azureactivedirectoryobjectid": app.object_id}
            yield user | {"applicationid": app.client_id}

    def _user(self, user_id: str, name: str) -> Row:
        return {"systemuserid": user_id, "fullname": name, "businessunitid": self.people.business_unit}

    def _currencies(self) -> Iterator[Row]:
        for currency in self.company.currencies:
            yield {
                "transactioncurrencyid": self.id("currency", currency.code),
                "currencyname": currency.name,
                "isocurrencycode": currency.code,
                "currencysymbol": currency.symbol,
                "currencyprecision": currency.precision,
                "exchangerate": currency.rate,
            }

    def _companies(self) -> Iterator[Row]:
        for entity in self.company.entities:
            yield self._made(
                cdm_companyid=self.id("company", entity.code), cdm_name=entity.name, cdm_companycode=entity.code
            )

    def _units(self) -> Iterator[Row]:
        for entity in self.company.entities:
            unit = self._made(
                msdyn_organizationalunitid=self.id("unit of", entity.code), msdyn_name=f"{entity.name}, projects"
            )
            yield self._based(entity.currency, unit)

    def _price_lists(self) -> Iterator[Row]:
        for currency in self.company.currencies:
            row = {"pricelevelid": self.id("prices", currency.code), "name": f"Sales rates {currency.code}"}
            yield row | {"transactioncurrencyid": self.id("currency", currency.code)}

    def _categories(self) -> Iterator[Row]:
        for name in ("Time", "Expense", "Material", "Milestone"):
            yield self._made(
                msdyn_transactioncategoryid=self.id("category", name),
                msdyn_name=name,
                msdyn_billingtype=codes.CHARGEABLE,
            )

    def _accounts(self) -> Iterator[Row]:
        entities = {entity.code: entity for entity in self.company.entities}
        for customer in self.company.customers:
            entity = entities[customer.entity]
            account = self._made(
                accountid=self.id("customer", customer.entity, customer.account),
                name=customer.name,
                accountnumber=customer.account,
                msdyn_company=self.id("company", customer.entity),
                address1_city=entity.city,
                address1_country=entity.country,
            )
            yield self._based(entity.currency, account)

    def _contracts(self) -> Iterator[Row]:
        for contract in self.company.contracts:
            amount = sum((line.amount for line in contract.lines), Decimal(0))
            tax = sum((line.tax for line in contract.lines), Decimal(0))
            customer = self.id("customer", contract.entity, contract.customer)
            row = self._made(
                salesorderid=self.id("contract", contract.number),
                name=contract.name,
                ordernumber=contract.number,
                customerid=customer,
                customeridtype="account",
                msdyn_account=customer,
                msdyn_ordertype=codes.WORK_BASED,
                msdyn_psastate=codes.CONTRACT_ACTIVE,
                msdyn_psastatusreason=CONTRACT_CONFIRMED,
                msdyn_contractorganizationalunitid=self.id("unit of", contract.entity),
                msdyn_owningcompany=self.id("company", contract.entity),
                msdyn_processstartedon=WON_ON,
                pricelevelid=self.id("prices", contract.currency),
                totalamount=amount + tax,
                totalamountlessfreight=amount + tax,
                totallineitemamount=amount,
                totaltax=tax,
            )
            yield self._based(contract.currency, row)

    def _projects(self) -> Iterator[Row]:
        for contract in self.company.contracts:
            for line in contract.lines:
                row = self._made(
                    msdyn_projectid=self.id("project", line.project),
                    msdyn_subject=f"{contract.name}, {line.description.lower()}"[:200],
                    msdyn_projectnumber=line.project,
                    msdyn_salesorderid=self.id("contract", contract.number),
                    msdyn_owningcompany=self.id("company", contract.entity),
                    msdyn_contractorganizationalunitid=self.id("unit of", contract.entity),
                )
                yield self._based(contract.currency, row)

    def _lines(self) -> Iterator[Row]:
        for contract in self.company.contracts:
            for line in contract.lines:
                yield self._based(contract.currency, self._line(contract, line))

    def _line(self, contract: Contract, line: Line) -> Row:
        timed = line.billing is Billing.TIME_AND_MATERIAL
        return self._made(
            salesorderdetailid=self.line_id(line),
            salesorderdetailname=line.name[:100],
            productdescription=line.name,
            salesorderid=self.id("contract", contract.number),
            msdyn_project=self.id("project", line.project),
            msdyn_billingmethod=codes.TIME_AND_MATERIAL if timed else codes.FIXED_PRICE,
            msdyn_includetime=timed,
            msdyn_includeexpense=timed,
            quantity=Decimal(1),
            priceperunit=line.amount,
            baseamount=line.amount,
            tax=line.tax,
            extendedamount=line.amount + line.tax,
            lineitemnumber=line.number,
            uomid=self.id("unit", "Each"),
        )

    def _splits(self) -> Iterator[Row]:
        """One customer a line, who pays all of it."""
        for contract in self.company.contracts:
            for line in contract.lines:
                yield self._made(
                    msdyn_projectcontractsplitbillingruleid=self.id("split", line.contract, line.name),
                    msdyn_name=contract.customer,
                    msdyn_salescontract=self.id("contract", contract.number),
                    msdyn_salescontractline=self.line_id(line),
                    msdyn_accountcustomer=self.id("customer", contract.entity, contract.customer),
                    msdyn_allocationpercentage=HUNDRED,
                )
