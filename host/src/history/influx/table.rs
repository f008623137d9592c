//! InfluxDB's annotated CSV: tables one after the other, each with its columns' kinds, names and defaults.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord};

use crate::history::entry::Value;
use crate::history::query::QueryError;

/// The columns of the table that is being read.
#[derive(Default)]
struct Columns {
    kinds: Vec<String>,
    defaults: Vec<String>,
    places: HashMap<String, usize>,
}

/// One row of a table.
pub(super) struct Row<'a> {
    columns: &'a Columns,
    cells: &'a StringRecord,
}

impl Row<'_> {
    fn cell(&self, column: &str) -> Option<(&str, &str)> {
        let &place = self.columns.places.get(column)?;
        let kind = self.columns.kinds.get(place).map_or("string", String::as_str);
        let text = self.cells.get(place).filter(|text| !text.is_empty());
        let text = text.or_else(|| self.columns.defaults.get(place).map(String::as_str))?;
        (!text.is_empty()).then_some((kind, text))
    }

    /// A text; none for null, which an empty text can't be told from.
    pub(super) fn text(&self, column: &str) -> Option<&str> {
        self.cell(column).map(|(_, text)| text)
    }

    /// Nanoseconds since 1970.
    pub(super) fn time(&self, column: &str) -> Option<i64> {
        let time = humantime::parse_rfc3339(self.text(column)?).ok()?;
        i64::try_from(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos()).ok()
    }

    /// A number of any kind.
    pub(super) fn number(&self, column: &str) -> Option<f64> {
        match self.cell(column)? {
            ("double" | "long" | "unsignedLong", text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// A value of its own kind.
    pub(super) fn value(&self, column: &str) -> Option<Value> {
        match self.cell(column)? {
            ("double" | "long" | "unsignedLong", _) => self.number(column).and_then(Value::number),
            ("boolean", text) => Some(Value::Flag(text == "true")),
            (_, text) => Some(Value::Text(text.into())),
        }
    }
}

/// Hands every row to `each`.
///
/// # Errors
/// [`QueryError::Home`] for an error that the server put into its answer, also behind good rows, and for what is no annotated CSV.
pub(super) fn read(answer: &[u8], mut each: impl FnMut(&Row<'_>)) -> Result<(), QueryError> {
    let unreadable = |detail: String| QueryError::Home(format!("InfluxDB's answer can't be read: {detail}"));
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(answer);
    let mut columns = Columns::default();
    let mut record = StringRecord::new();
    let mut named = false;
    while reader.read_record(&mut record).map_err(|error| unreadable(error.to_string()))? {
        let own = |record: &StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
        match record.get(0) {
            Some("#datatype") => {
                columns = Columns { kinds: own(&record), ..Columns::default() };
                named = false;
            }
            Some("#default") => {
                columns.defaults = own(&record);
                if let Some(first) = columns.defaults.first_mut() {
                    first.clear();
                }
            }
            Some(first) if first.starts_with('#') => {}
            // A table of errors may come without annotations.
            _ if !named || is_error_header(&record) => {
                columns.places = record.iter().enumerate().map(|(place, name)| (name.to_owned(), place)).collect();
                named = true;
            }
            _ => {
                let row = Row { columns: &columns, cells: &record };
                if columns.places.contains_key("error") && columns.places.contains_key("reference") {
                    return Err(QueryError::Home(format!("InfluxDB says: {}", row.text("error").unwrap_or("an error without words"))));
                }
                each(&row);
            }
        }
    }
    Ok(())
}

fn is_error_header(record: &StringRecord) -> bool {
    let mut names = record.iter().filter(|name| !name.is_empty());
    names.next() == Some("error") && names.next() == Some("reference") && names.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_TABLES: &str = "#datatype,string,long,dateTime:RFC3339,double,string\r\n#group,false,false,false,false,true\r\n\
        #default,mean,,,,\r\n,result,table,_time,_value,_field\r\n,,0,2026-11-25T10:00:00.000000001Z,1.5,a\r\n,,0,2026-11-25T10:00:01Z,,a\r\n\r\n\
        #datatype,string,long,dateTime:RFC3339,boolean,string\r\n#group,false,false,false,false,true\r\n#default,last,,,,\r\n\
        ,result,table,_time,_value,_field\r\n,,1,2026-11-25T10:00:00Z,true,\"b,\"\"c\"\r\n\r\n";

    #[test]
    fn tables_of_several_results_are_read_with_their_kinds_defaults_and_nulls() {
        let mut seen = Vec::new();
        read(TWO_TABLES.as_bytes(), |row| {
            seen.push((
                row.text("result").map(str::to_owned),
                row.time("_time"),
                row.value("_value"),
                row.text("_field").map(str::to_owned),
            ));
        })
        .expect("it is good");
        let text = |text: &str| Some(text.to_owned());
        let second = 1_795_600_800_000_000_000;
        assert_eq!(
            seen,
            [
                (text("mean"), Some(second + 1), Some(Value::Number(1.5)), text("a")),
                (text("mean"), Some(second + 1_000_000_000), None, text("a")),
                (text("last"), Some(second), Some(Value::Flag(true)), text("b,\"c")),
            ]
        );
    }

    #[test]
    fn an_error_behind_good_rows_is_an_error() {
        for error in [
            "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,it broke,897\r\n",
            "error,reference\r\nit broke,897\r\n",
        ] {
            let answer = format!("{TWO_TABLES}{error}");
            let told = read(answer.as_bytes(), |_| {}).expect_err("an error").to_string();
            assert!(told.contains("it broke"), "{told}");
        }
    }

    #[test]
    fn an_empty_answer_has_no_rows() {
        read(b"\r\n", |_| panic!("no row")).expect("good");
    }
}
