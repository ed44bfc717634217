//! Spreadsheets as small as they can be, for tests that make many.

use flate2::Crc;

/// A ZIP archive of parts that are stored as they are.
pub(super) fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
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
pub(super) fn workbook(sheet: &str, strings: &str) -> Vec<u8> {
    archive(&[
        ("xl/workbook.xml", WORKBOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", RELATIONS.as_bytes()),
        ("xl/sheet.xml", sheet.as_bytes()),
        ("xl/s.xml", strings.as_bytes()),
    ])
}

/// Rows of text as an .xlsx; no cell for an empty text.
pub(super) fn xlsx(rows: &[Vec<String>]) -> Vec<u8> {
    let (mut sheet, mut strings, mut count) = (String::new(), String::new(), 0);
    for (number, row) in rows.iter().enumerate() {
        sheet.push_str(&format!("<row r=\"{}\">", number + 1));
        for (column, text) in row.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let letter = char::from(b'A' + column as u8);
            let place = format!("{letter}{}", number + 1);
            sheet.push_str(&format!("<c r=\"{place}\" t=\"s\"><v>{count}</v></c>"));
            strings.push_str(&format!("<si><t xml:space=\"preserve\">{}</t></si>", escaped(text)));
            count += 1;
        }
        sheet.push_str("</row>");
    }
    let sheet = format!("<worksheet><sheetData>{sheet}</sheetData></worksheet>");
    workbook(&sheet, &format!("<sst>{strings}</sst>"))
}

/// Rows of text as an .ods.
pub(super) fn ods(rows: &[Vec<String>]) -> Vec<u8> {
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
    let row = |row: &Vec<String>| {
        format!("<table:table-row>{}</table:table-row>", row.iter().map(cell).collect::<String>())
    };
    let rows: String = rows.iter().map(row).collect();
    sheet_of_ods(&rows)
}

/// An .ods with this XML as its rows.
pub(super) fn sheet_of_ods(rows: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content xmlns:office='o' xmlns:table='t' xmlns:text='x'><office:body>\
         <office:spreadsheet><table:table table:name='One'>{rows}</table:table>\
         </office:spreadsheet></office:body></office:document-content>"
    );
    archive(&[("mimetype", b"x"), ("content.xml", content.as_bytes())])
}
