"""A company's records as rows of Finance and Operations: the mirror of its contracts, and what only Finance knows.

Dimensions of contract lines stand here and nowhere in Dataverse: they are what the cutover looks at first.
Source of sets and columns: reference/project-operations.md, appendix A.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from statecfg.sandbox.seeding.dataverse_rows import DataverseRows
from statecfg.sandbox.seeding.identities import DUAL_WRITE_APPS, Identities
from statecfg.sandbox.seeding.portfolio import Billing, Contract, LegalEntity, Line, Portfolio

Row = dict[str, Any]

FISCAL_CALENDAR = "Fiscal"
CHART_OF_ACCOUNTS = "Shared"
FIRST_YEAR = 2019
YEARS_AHEAD = 2
MONTHS = range(1, 13)
PROJECT_GROUP = {Billing.FIXED_PRICE: "Fixed_WIP", Billing.TIME_AND_MATERIAL: "TM"}
HOLD = "Hold"
JOBS = ("Import from staging table", "Post invoice proposals")
OTHER_JOBS = (("Recurring exchange rate import", "Waiting"), ("Clean up batch history", "Finished"))


@dataclass(frozen=True)
class FinanceRows:
    """Rows of one company; ids that both sides know are those of its Dataverse rows."""

    company: Portfolio
    people: Identities
    dataverse: DataverseRows

    @cached_property
    def years(self) -> range:
        """Fiscal years that are open: from the legacy system's first to some after the world's present."""
        return range(FIRST_YEAR, int(self.dataverse.made_on[:4]) + YEARS_AHEAD + 1)

    def tables(self) -> Iterator[tuple[str, Iterable[Row]]]:
        """Each table with its rows, those first that others name."""
        yield "fo.Companies", self._companies()
        yield "fo.LegalEntities", self._legal_entities()
        yield "fo.Ledgers", self._ledgers()
        yield "fo.LedgerFiscalPeriods", self._ledger_periods()
        yield "fo.FiscalPeriods", self._periods()
        yield "fo.SystemUsers", self._users()
        yield "fo.SecurityUserRoles", self._roles()
        yield "fo.SysAADClients", self._clients()
        yield "fo.CustomersV3", self._customers()
        yield "fo.ProjectContractHeaders", self._contracts()
        yield "fo.ProjectFundingSources", self._funding_sources()
        yield "fo.ProjectsV2", self._projects()
        yield "fo.ProjectContractLines", self._lines()
        yield "fo.BatchJobs", self._jobs()

    def _companies(self) -> Iterator[Row]:
        for entity in self.company.entities:
            yield {"DataArea": entity.code, "Name": entity.name, "KnownAs": entity.name, "LanguageId": "en-US"}

    def _legal_entities(self) -> Iterator[Row]:
        for entity in self.company.entities:
            yield {
                "LegalEntityId": entity.code,
                "Name": entity.name,
                "CompanyName": entity.name,
                "CompanyCountry": entity.country,
                "AddressCity": entity.city,
                "AddressCountryRegionId": entity.country,
                "LanguageId": "en-US",
            }

    def _ledgers(self) -> Iterator[Row]:
        for entity in self.company.entities:
            yield {
                "LegalEntityId": entity.code,
                "Name": entity.code.upper(),
                "Description": entity.name,
                "ChartOfAccounts": CHART_OF_ACCOUNTS,
                "FiscalCalendar": FISCAL_CALENDAR,
                "AccountingCurrency": entity.currency,
                "ReportingCurrency": "USD",
                "ExchangeRateType": "Default",
            }

    def _ledger_periods(self) -> Iterator[Row]:
        for entity in self.company.entities:
            for year in self.years:
                for month in MONTHS:
                    yield {
                        "LedgerName": entity.code.upper(),
                        "Calendar": FISCAL_CALENDAR,
                        "YearName": str(year),
                        "PeriodName": f"Period {month}",
                        "PeriodStatus": "Open",
                    }

    def _periods(self) -> Iterator[Row]:
        for year in self.years:
            for month in MONTHS:
                following = f"{year + month // 12}-{month % 12 + 1:02d}-01"
                yield {
                    "Calendar": FISCAL_CALENDAR,
                    "FiscalYear": str(year),
                    "PeriodName": f"Period {month}",
                    "StartDate": f"{year}-{month:02d}-01T12:00:00Z",
                    "EndDate": f"{_day_before(following)}T12:00:00Z",
                }

    def _users(self) -> Iterator[Row]:
        company = self.company.entities[0].code.upper()
        yield {"UserID": "statecfg", "UserName": "statecfg", "Enabled": True, "Company": company}
        yield {"UserID": "Admin", "UserName": "Admin", "Enabled": True, "Company": company}

    def _roles(self) -> Iterator[Row]:
        for user in ("statecfg", "Admin"):
            yield {
                "UserId": user,
                "SecurityRoleIdentifier": "-SYSADMIN-",
                "SecurityRoleName": "System administrator",
                "AssignmentStatus": "Enabled",
            }

    def _clients(self) -> Iterator[Row]:
        yield {"AADClientId": self.people.client_id, "Name": "statecfg", "UserId": "statecfg"}
        for app, name in DUAL_WRITE_APPS:
            yield {"AADClientId": app, "Name": name, "UserId": "Admin"}

    def _customers(self) -> Iterator[Row]:
        currencies = {entity.code: entity.currency for entity in self.company.entities}
        for customer in self.company.customers:
            yield {
                "dataAreaId": customer.entity,
                "CustomerAccount": customer.account,
                "OrganizationName": customer.name,
                "CustomerGroupId": "30",
                "SalesCurrencyCode": currencies[customer.entity],
            }

    def _contracts(self) -> Iterator[Row]:
        for contract in self.company.contracts:
            yield {
                "dataAreaId": contract.entity,
                "ProjectContractId": contract.number,
                "Name": contract.name,
                "CustomerAccountNumber": contract.customer,
                "SalesCurrencyCode": contract.currency,
                "IntegrationSourceDataId": self.dataverse.id("contract", contract.number),
                "DefaultLedgerDimensionDisplayValue": contract.lines[0].dimensions,
            }

    def _funding_sources(self) -> Iterator[Row]:
        for contract in self.company.contracts:
            yield {
                "dataAreaId": contract.entity,
                "ProjectContractID": contract.number,
                "FundingSourceId": contract.customer,
                "CustomerOrOrganization": contract.customer,
                "FundingType": "Customer",
                "IsPrimaryFundingSource": "Yes",
            }

    def _projects(self) -> Iterator[Row]:
        for contract in self.company.contracts:
            for line in contract.lines:
                yield {
                    "dataAreaId": contract.entity,
                    "ProjectId": line.project,
                    "ProjectName": f"{contract.name}, {line.description.lower()}"[:60],
                    "ProjectContractId": contract.number,
                    "CustomerAccountNumber": contract.customer,
                    "ProjectGroupId": PROJECT_GROUP[line.billing],
                    "ProjectStage": "InProcess",
                    "IntegrationSourceDataId": self.dataverse.id("project", line.project),
                    "DimensionDisplayValue": line.dimensions,
                }

    def _lines(self) -> Iterator[Row]:
        for contract in self.company.contracts:
            for line in contract.lines:
                yield self._line(contract, line)

    def _line(self, contract: Contract, line: Line) -> Row:
        timed = line.billing is Billing.TIME_AND_MATERIAL
        return {
            "dataAreaId": contract.entity,
            "ProjectContractId": contract.number,
            "LineSequenceNumber": line.number,
            "ContractLineId": self.dataverse.line_id(line),
            "Description": line.name,
            "BillingMethod": "TimeMaterial" if timed else "FixedPrice",
            "InvoiceScheduleType": "Blank" if timed else "MilestoneBased",
            "LineType": "TAndM" if timed else "LumpSum",
            "LineProjectId": line.project,
            "LineAmount": line.amount,
            "UnitPrice": line.amount,
            "Quantity": 1,
            "AreHourTransactionsIncluded": "Yes" if timed else "No",
            "AreExpenseTransactionsIncluded": "Yes" if timed else "No",
            "DefaultLedgerDimensionDisplayValue": line.dimensions,
        }

    def _jobs(self) -> Iterator[Row]:
        """Import and posting of each legal entity on Hold, and jobs that are none of the cutover's business."""
        for entity in self.company.entities:
            for description in JOBS:
                yield _job(description, HOLD, entity)
        for description, status in OTHER_JOBS:
            yield _job(description, status, self.company.entities[0])


def _job(description: str, status: str, entity: LegalEntity) -> Row:
    return {"JobDescription": description, "Status": status, "CompanyAccounts": entity.code}


def _day_before(first_of_month: str) -> str:
    return (date.fromisoformat(first_of_month) - timedelta(days=1)).isoformat()
