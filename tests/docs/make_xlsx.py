"""Makes `spring.xlsx`, the spreadsheet of the documentation's command blocks, with nothing but Python.

    python3 tests/docs/make_xlsx.py tests/docs/spring.xlsx
"""

import sys
import zipfile
from xml.sax.saxutils import escape

ROWS = [
    ["ID", "Photo", "Recording", "Prompt", "Owner"],
    ["王小明", "photos/王小明.jpg", "photos/王小明.mp3", "微笑着说话", "Li"],
    ["anna-en", "photos/Anna Müller.png", "photos/Anna Müller-en.mp3", "She smiles and nods once", "Eva"],
    ["anna-de", "photos/Anna Müller.png", "photos/Anna Müller-de.mp3", "", "Eva"],
]
NAMESPACE = "http://schemas.openxmlformats.org"
MAIN = f"{NAMESPACE}/spreadsheetml/2006/main"
OFFICE = f"{NAMESPACE}/officeDocument/2006/relationships"
PACKAGE = f"{NAMESPACE}/package/2006"
KINDS = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def sheet():
    def cell(row, column, text):
        place = f"{chr(65 + column)}{row + 1}"
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(text)}</t></is></c>' if text else ""

    rows = (
        f'<row r="{n + 1}">' + "".join(cell(n, m, text) for m, text in enumerate(row)) + "</row>"
        for n, row in enumerate(ROWS)
    )
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}</sheetData></worksheet>'


FILES = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{KINDS}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{KINDS}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
    '<sheets><sheet name="Spring" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/worksheets/sheet1.xml": sheet(),
}

with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    for name, text in FILES.items():
        # A fixed moment, so that the same bytes come out each time.
        entry = zipfile.ZipInfo(name, (2026, 11, 29, 0, 0, 0))
        archive.writestr(entry, '<?xml version="1.0" encoding="UTF-8"?>\n' + text)
