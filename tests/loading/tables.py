"""Record files for the tests of loading: written, forged, and read as a resource would."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from statecfg.loading.document import MapNode, Scalar
from statecfg.loading.problems import Problems
from statecfg.loading.tables.source import TableSource, record_source
from statecfg.model.address import Source
from tests.loading.projects import Row, RowsSpec

PLACE = Source("state.yml", 3, 11)
HEADINGS = "contract,name,amount,tax,date,invoiced"


def source(path: Path, **spec: Any) -> tuple[TableSource | None, Problems]:
    """The records of a file, and what was found wrong with them."""
    problems = Problems()
    body = MapNode({"from": Scalar(str(path), PLACE)}, PLACE, {"from": PLACE})
    found = record_source(RowsSpec(from_=str(path), **spec), body, Row, problems)
    return found, problems


def rows(path: Path, **spec: Any) -> list[Row]:
    """Every row of a file that has nothing wrong with it."""
    found, problems = source(path, **spec)
    assert not problems.found, problems.found
    assert found is not None
    return list(found)


def wrong(path: Path, **spec: Any) -> list[str]:
    """What is wrong with a file: `code row heading`."""
    _, problems = source(path, **spec)
    return [f"{each.code} {each.where.line} {each.where.column}" for each in problems.found]


def csv(folder: Path, text: str | bytes, name: str = "m.csv", encoding: str = "utf-8") -> Path:
    """A csv file."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

WORKBOOK = (
    f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}"><workbookPr/>'
    '<sheets><sheet name="Data" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="00000"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="20"/></cellXfs></styleSheet>'
)


def forged(folder: Path, sheet: str, name: str = "m.xlsx", **parts: str) -> Path:
    """A workbook with this XML between its <sheetData> tags. parts: workbook, styles, texts, whole sheet."""
    path = folder / name
    kinds = {"rId1": "worksheet", "rId2": "styles", "rId3": "sharedStrings"}
    targets = {"rId1": "worksheets/sheet1.xml", "rId2": "styles.xml", "rId3": "sharedStrings.xml"}
    relations = "".join(f'<Relationship Id="{i}" Type="{RELATED}/{kinds[i]}" Target="{targets[i]}"/>' for i in kinds)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        main = f'<Relationship Id="rId1" Type="{RELATED}/officeDocument" Target="xl/workbook.xml"/>'
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{PACKAGE}">{main}</Relationships>')
        archive.writestr("xl/workbook.xml", parts.get("workbook", WORKBOOK))
        whole = parts.get("relations", f'<Relationships xmlns="{PACKAGE}">{relations}</Relationships>')
        archive.writestr("xl/_rels/workbook.xml.rels", whole)
        archive.writestr("xl/styles.xml", parts.get("styles", STYLES))
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{parts.get("texts", "")}</sst>')
        body = f'<worksheet xmlns="{MAIN}"><sheetData>{sheet}</sheetData></worksheet>'
        archive.writestr("xl/worksheets/sheet1.xml", parts.get("whole", body))
    return path


def text_cells(row: int, *cells: str) -> str:
    """A row of inline texts, from column A on."""
    inner = "".join(
        f'<c r="{chr(65 + n)}{row}" t="inlineStr"><is><t>{cell}</t></is></c>' for n, cell in enumerate(cells) if cell
    )
    return f'<row r="{row}">{inner}</row>'
