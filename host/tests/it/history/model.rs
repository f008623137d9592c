//! A small InfluxDB 2 in memory, for tests: takes line protocol as the real one does, and carries out the Flux that the host writes by
//! the rules of Flux's documentation, operator by operator.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use influxdb_line_protocol::{FieldValue, parse_lines};

/// A cell; none is null.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Time(i64),
    Double(f64),
    Long(i64),
    Bool(bool),
    Text(String),
}

type Tags = BTreeMap<String, String>;
type Key = (String, Tags, String);
type Columns = BTreeMap<String, Cell>;
type Rows = Vec<Columns>;

/// What was written: measurement, tags and field, then time.
#[derive(Default)]
pub struct Model {
    pub points: Mutex<BTreeMap<Key, BTreeMap<i64, Cell>>>,
}

impl Model {
    /// Takes lines: all of them, or none where one can't be read, says something else than its field did before, or has a tag `bad`.
    pub fn write(&self, text: &str) -> Result<(), String> {
        let mut points = self.points.lock().unwrap();
        let mut taken = Vec::new();
        for line in parse_lines(text) {
            let line = line.map_err(|error| format!("unable to parse: {error}"))?;
            let tags: Tags = line.series.tag_set.iter().flatten().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            if tags.values().any(|value| value == "bad") {
                return Err("a bad line".to_owned());
            }
            let measurement = line.series.measurement.to_string();
            let time = line.timestamp.expect("our lines have times");
            for (field, value) in &line.field_set {
                let cell = match value {
                    FieldValue::F64(number) => Cell::Double(*number),
                    FieldValue::I64(number) => Cell::Long(*number),
                    FieldValue::U64(number) => Cell::Long(*number as i64),
                    FieldValue::Boolean(flag) => Cell::Bool(*flag),
                    FieldValue::String(text) => Cell::Text(text.to_string()),
                };
                let key = (measurement.clone(), tags.clone(), field.to_string());
                let other = points.get(&key).and_then(|known| known.values().next());
                if other.is_some_and(|other| std::mem::discriminant(other) != std::mem::discriminant(&cell)) {
                    return Err(format!("field type conflict: {field}"));
                }
                taken.push((key, time, cell));
            }
        }
        for (key, time, cell) in taken {
            points.entry(key).or_default().insert(time, cell);
        }
        Ok(())
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.points.lock().unwrap().values().map(BTreeMap::len).sum()
    }

    /// Carries out a query; the answer is annotated CSV.
    pub fn query(&self, flux: &str) -> String {
        let mut answer = String::new();
        let mut data = None;
        let mut table = 0;
        for statement in statements(flux) {
            let (name, pipeline) = match statement.split_once(" = ") {
                Some(("data", pipeline)) => (true, pipeline),
                _ => (false, statement.as_str()),
            };
            let mut steps = pipeline.split("\n  |> ");
            let first = steps.next().expect("a source");
            let mut tables = if first == "data" { Vec::clone(data.as_ref().expect("data stands above")) } else { self.all() };
            let mut result = "_result".to_owned();
            for step in steps {
                match step.strip_prefix("yield(name: ") {
                    Some(name) => result = unquote(name.trim_end_matches(')')),
                    None => tables = apply(tables, step),
                }
            }
            if name {
                data = Some(tables);
                continue;
            }
            for one in tables {
                write_table(&mut answer, &result, table, &one);
                table += 1;
            }
        }
        answer
    }

    fn all(&self) -> Vec<Table> {
        let points = self.points.lock().unwrap();
        let table = |((measurement, tags, field), values): (&Key, &BTreeMap<i64, Cell>)| {
            let mut key: BTreeMap<String, Cell> = tags.iter().map(|(name, value)| (name.clone(), Cell::Text(value.clone()))).collect();
            key.insert("_measurement".to_owned(), Cell::Text(measurement.clone()));
            key.insert("_field".to_owned(), Cell::Text(field.clone()));
            let row = |(time, value): (&i64, &Cell)| {
                let mut row = key.clone();
                row.insert("_time".to_owned(), Cell::Time(*time));
                row.insert("_value".to_owned(), value.clone());
                row
            };
            Table { rows: values.iter().map(row).collect(), key }
        };
        points.iter().map(table).collect()
    }
}

/// A table with its group key.
#[derive(Clone)]
struct Table {
    key: BTreeMap<String, Cell>,
    rows: Rows,
}

/// Statements begin where a line doesn't begin with a blank.
fn statements(flux: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in flux.lines().filter(|line| !line.is_empty() && !line.starts_with("import ")) {
        match all.last_mut() {
            Some(last) if line.starts_with(' ') => {
                last.push('\n');
                last.push_str(line);
            }
            _ => all.push(line.to_owned()),
        }
    }
    all
}

fn unquote(text: &str) -> String {
    text.trim().trim_start_matches('"').trim_end_matches('"').replace("\\x24", "$").replace("\\\"", "\"").replace("\\\\", "\\")
}

fn argument<'a>(step: &'a str, name: &str) -> &'a str {
    let rest = step.split_once(&format!("{name}: ")).unwrap_or_else(|| panic!("{name} in {step}")).1;
    if let Some(list) = rest.strip_prefix('[') {
        return list.split_once(']').expect("a list").0;
    }
    rest.split_once([',', ')']).expect("more").0
}

fn time_of(text: &str) -> i64 {
    let time = humantime::parse_rfc3339(text).expect("a time");
    time.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos() as i64
}

fn time_in(row: &BTreeMap<String, Cell>) -> i64 {
    match row.get("_time") {
        Some(Cell::Time(time)) => *time,
        other => panic!("no time: {other:?}"),
    }
}

fn apply(mut tables: Vec<Table>, step: &str) -> Vec<Table> {
    let name = step.split('(').next().expect("a name");
    match name {
        "range" => {
            let (start, stop) = (time_of(argument(step, "start")), time_of(argument(step, "stop")));
            for table in &mut tables {
                table.rows.retain(|row| (start..stop).contains(&time_in(row)));
                for (name, time) in [("_start", start), ("_stop", stop)] {
                    table.key.insert(name.to_owned(), Cell::Time(time));
                    table.rows.iter_mut().for_each(|row| drop(row.insert(name.to_owned(), Cell::Time(time))));
                }
            }
        }
        "filter" if step.contains("types.isType") => {
            assert!(step.contains("type: \"float\""), "{step}");
            tables.iter_mut().for_each(|table| table.rows.retain(|row| matches!(row.get("_value"), Some(Cell::Double(_)))));
        }
        "filter" => {
            let condition = step.strip_prefix("filter(fn: (r) => ").and_then(|rest| rest.strip_suffix(')')).expect("a condition");
            let any: Vec<(String, String)> = condition
                .split(" or ")
                .map(|one| one.strip_prefix("r.").and_then(|one| one.split_once(" == ")).expect("r.column == \"value\""))
                .map(|(column, value)| (column.to_owned(), unquote(value)))
                .collect();
            let takes = |row: &BTreeMap<String, Cell>| {
                any.iter().any(|(column, value)| row.get(column).is_some_and(|cell| *cell == Cell::Text(value.clone())))
            };
            tables.iter_mut().for_each(|table| table.rows.retain(&takes));
        }
        "limit" => {
            let n: usize = argument(step, "n").parse().expect("a number");
            tables.iter_mut().for_each(|table| table.rows.truncate(n));
        }
        "first" => tables.iter_mut().for_each(|table| table.rows.truncate(1)),
        "last" => tables.iter_mut().for_each(|table| {
            let keep = table.rows.len().saturating_sub(1);
            drop(table.rows.drain(..keep));
        }),
        "drop" => {
            for column in argument(step, "columns").split(", ").map(unquote) {
                for table in &mut tables {
                    table.key.remove(&column);
                    table.rows.iter_mut().for_each(|row| drop(row.remove(&column)));
                }
            }
        }
        "aggregateWindow" => {
            let every = argument(step, "every").strip_suffix("ms").and_then(|ms| ms.parse::<i64>().ok()).expect("ms") * 1_000_000;
            assert!(step.contains("createEmpty: false") && step.contains("timeSrc: \"_start\""), "{step}");
            let of = argument(step, "fn");
            tables.iter_mut().for_each(|table| table.rows = aggregate(&table.key, &table.rows, every, of));
        }
        "pivot" => tables = pivot(&tables),
        "group" => {
            assert_eq!(step, "group()");
            let rows = tables.into_iter().flat_map(|table| table.rows).collect();
            tables = vec![Table { key: BTreeMap::new(), rows }];
        }
        "sort" => {
            assert_eq!(step, "sort(columns: [\"_time\"], desc: true)");
            tables.iter_mut().for_each(|table| table.rows.sort_by_key(|row| std::cmp::Reverse(time_in(row))));
        }
        other => panic!("an operator that no query of ours has: {other}"),
    }
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn aggregate(key: &BTreeMap<String, Cell>, rows: &Rows, every: i64, of: &str) -> Rows {
    let mut windows: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for row in rows {
        if let Some(Cell::Double(number)) = row.get("_value") {
            windows.entry(time_in(row).div_euclid(every) * every).or_default().push(*number);
        }
    }
    let row = |(start, numbers): (i64, Vec<f64>)| {
        let value = match of {
            "count" => Cell::Long(numbers.len() as i64),
            "mean" => Cell::Double(numbers.iter().sum::<f64>() / numbers.len() as f64),
            "min" => Cell::Double(numbers.iter().copied().fold(f64::INFINITY, f64::min)),
            "max" => Cell::Double(numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            "last" => Cell::Double(*numbers.last().expect("one")),
            other => panic!("{other}"),
        };
        let mut row = key.clone();
        row.insert("_time".to_owned(), Cell::Time(start));
        row.insert("_value".to_owned(), value);
        row
    };
    windows.into_iter().map(row).collect()
}

/// Rows of one time and one key become one row, with a column a field.
fn pivot(tables: &[Table]) -> Vec<Table> {
    let mut out: BTreeMap<String, (Columns, BTreeMap<i64, Columns>)> = BTreeMap::new();
    for table in tables {
        let mut key = table.key.clone();
        key.remove("_field");
        let group = out.entry(format!("{key:?}")).or_insert_with(|| (key, BTreeMap::new()));
        for row in &table.rows {
            let mut rest = row.clone();
            let (Some(Cell::Text(field)), Some(value)) = (rest.remove("_field"), rest.remove("_value")) else { panic!("{row:?}") };
            let made = group.1.entry(time_in(row)).or_insert(rest);
            made.insert(field, value);
        }
    }
    out.into_values().map(|(key, rows)| Table { key, rows: rows.into_values().collect() }).collect()
}

fn write_table(out: &mut String, result: &str, number: usize, table: &Table) {
    let mut columns: BTreeMap<&String, &'static str> = BTreeMap::new();
    for (name, cell) in table.rows.iter().flatten() {
        let kind = match cell {
            Cell::Time(_) => "dateTime:RFC3339",
            Cell::Double(_) => "double",
            Cell::Long(_) => "long",
            Cell::Bool(_) => "boolean",
            Cell::Text(_) => "string",
        };
        columns.insert(name, kind);
    }
    let line = |first: &str, result: &str, table: &str, cells: Vec<String>| format!("{first},{result},{table},{}\r\n", cells.join(","));
    out.push_str(&line("#datatype", "string", "long", columns.values().map(|kind| (*kind).to_owned()).collect()));
    out.push_str(&line("#group", "false", "false", columns.keys().map(|name| table.key.contains_key(*name).to_string()).collect()));
    out.push_str(&line("#default", result, "", columns.keys().map(|_| String::new()).collect()));
    out.push_str(&line("", "result", "table", columns.keys().map(|name| quoted(name)).collect()));
    for row in &table.rows {
        let cell = |name: &&String| match row.get(*name) {
            None => String::new(),
            Some(Cell::Time(ns)) => {
                humantime::format_rfc3339_nanos(std::time::UNIX_EPOCH + std::time::Duration::from_nanos(*ns as u64)).to_string()
            }
            Some(Cell::Double(number)) => number.to_string(),
            Some(Cell::Long(number)) => number.to_string(),
            Some(Cell::Bool(flag)) => flag.to_string(),
            Some(Cell::Text(text)) => quoted(text),
        };
        let cells = columns.keys().map(cell).collect();
        out.push_str(&line("", "", &number.to_string(), cells));
    }
    let _ = write!(out, "\r\n");
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
