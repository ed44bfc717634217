//! Spreadsheets as small as they can be, for tests that make many.

use flate2::Crc;

/// A ZIP archive of parts that are stored as they are.
pub(crate) fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, part) in parts {
        let mut crc = Crc::new();
        crc.update(part);
        let (size, length) = (part.len() as u32, name.len() as u16);
        let start = bytes.len() as u32;
        let common = |into: &mut Vec<u8>| {
            into.extend([20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            into.extend(crc.sum().to_le_bytes());
            into.extend(size.to_le_bytes());
            into.extend(size.to_le_bytes());
            into.extend(length.to_le_bytes());
            into.extend([0, 0]);
        };
        bytes.extend(b"PK\x03\x04");
        common(&mut bytes);
        bytes.extend(name.as_bytes());
        bytes.extend(*part);
        directory.extend(b"PK\x01\x02\x14\x00");
        common(&mut directory);
        directory.extend([0; 10]);
        directory.extend(start.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, length) = (bytes.len() as u32, directory.len() as u32);
    let count = (parts.len() as u16).to_le_bytes();
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count, count].concat());
    bytes.extend(length.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

const RELATIONS: &str = "<Relationships><Relationship Id=\"r1\" Type=\"x/worksheet\" \
    Target=\"sheet.xml\"/><Relationship Id=\"r2\" Type=\"x/sharedStrings\" Target=\"/xl/s.xml\"/>\
    </Relationships>";
const WORKBOOK: &str = "<x:workbook xmlns:x='x' xmlns:r='r'><x:sheets>\
    <x:sheet name='One' r:id='r1'/></x:sheets></x:workbook>";

/// An .xlsx with this XML as its sheet, and these shared strings.
pub(crate) fn workbook(sheet: &str, strings: &str) -> Vec<u8> {
    archive(&[
        ("xl/workbook.xml", WORKBOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", RELATIONS.as_bytes()),
        ("xl/sheet.xml", sheet.as_bytes()),
        ("xl/s.xml", strings.as_bytes()),
    ])
}

/// Rows of text that become a sheet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sheet(Vec<Vec<String>>);

impl Sheet {
    pub(crate) fn push(&mut self, row: &[String]) {
        self.0.push(row.to_vec());
    }

    pub(crate) fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows);
    }

    /// With a shared string for each text, and no cell for an empty one.
    pub(crate) fn xlsx(&self) -> Vec<u8> {
        let (mut sheet, mut strings, mut count) = (String::new(), String::new(), 0);
        for (number, row) in self.0.iter().enumerate() {
            sheet.push_str(&format!("<row r=\"{}\">", number + 1));
            for (column, text) in row.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
                let place = format!("{}{}", char::from(b'A' + column as u8), number + 1);
                sheet.push_str(&format!("<c r=\"{place}\" t=\"s\"><v>{count}</v></c>"));
                let text = escaped(text);
                strings.push_str(&format!("<si><t xml:space=\"preserve\">{text}</t></si>"));
                count += 1;
            }
            sheet.push_str("</row>");
        }
        let sheet = format!("<worksheet><sheetData>{sheet}</sheetData></worksheet>");
        workbook(&sheet, &format!("<sst>{strings}</sst>"))
    }

    /// With all texts in their cells.
    pub(crate) fn ods(&self) -> Vec<u8> {
        let rows: String = self.0.iter().map(|row| row_of_ods(row)).collect();
        sheet_of_ods(&rows)
    }
}

fn row_of_ods(row: &[String]) -> String {
    let cell = |text: &String| match text.as_str() {
        "" => "<table:table-cell/>".to_owned(),
        text => {
            let lines = text.split('\n').map(|line| {
                let line = escaped(line).replace("  ", " <text:s/>");
                format!("<text:p>{line}</text:p>")
            });
            let lines: String = lines.collect();
            format!("<table:table-cell office:value-type=\"string\">{lines}</table:table-cell>")
        }
    };
    format!("<table:table-row>{}</table:table-row>", row.iter().map(cell).collect::<String>())
}

/// An .ods with this XML as its rows.
pub(crate) fn sheet_of_ods(rows: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content xmlns:office='o' xmlns:table='t' xmlns:text='x'><office:body>\
         <office:spreadsheet><table:table table:name='One'>{rows}</table:table>\
         </office:spreadsheet></office:body></office:document-content>"
    );
    archive(&[("mimetype", b"x"), ("content.xml", content.as_bytes())])
}
