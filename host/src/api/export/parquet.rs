//! Rows as columns: an Apache Parquet file in groups of rows, each handed on as soon as it is full.
//!
//! In memory are the rows of one group, and of every group that was handed on its entry in the file's end: about a kilobyte.

use std::io;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::rows::{Cell, Column, Kind, Page};

/// Rows of a group: some megabytes in memory, and few enough groups for months of values.
const GROUP: usize = 65_536;

/// A table under way.
pub(super) struct Table {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Vec<Held>,
    rows: usize,
}

/// What a group has of a column so far. `there`: for each row whether it has a value, where it may have none.
enum Held {
    Times(Vec<i64>),
    Texts { values: Vec<ByteArray>, there: Option<Vec<i16>> },
    Numbers { values: Vec<f64>, there: Vec<i16> },
    Flags { values: Vec<bool>, there: Vec<i16> },
}

impl Table {
    /// Of these columns.
    pub(super) fn begin(columns: &[Column]) -> io::Result<Self> {
        let fields = columns.iter().map(|column| field(column).map(Arc::new)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let schema = Type::group_type_builder("leadline").with_fields(fields).build().map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("leadline ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        let columns = columns.iter().map(|(_, kind)| Held::of(*kind)).collect();
        Ok(Self { writer, columns, rows: 0 })
    }

    /// Adds the rows of a page; the groups that became full.
    pub(super) fn write(&mut self, page: &impl Page) -> io::Result<Vec<u8>> {
        let mut failure = None;
        page.cells(|row| {
            if failure.is_some() {
                return;
            }
            for (column, cell) in self.columns.iter_mut().zip(row) {
                column.push(*cell);
            }
            self.rows += 1;
            if self.rows >= GROUP {
                failure = self.close_group().err();
            }
        });
        match failure {
            Some(error) => Err(error),
            None => self.ready(),
        }
    }

    /// The last group, and the file's end.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        if self.rows > 0 {
            self.close_group()?;
        }
        self.writer.into_inner().map_err(failed)
    }

    fn close_group(&mut self) -> io::Result<()> {
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column().map_err(failed)? else {
                return Err(io::Error::other("a table with more columns than its description"));
            };
            let written = match column {
                Held::Times(values) => writer.typed::<Int64Type>().write_batch(values, None, None),
                Held::Texts { values, there } => writer.typed::<ByteArrayType>().write_batch(values, there.as_deref(), None),
                Held::Numbers { values, there } => writer.typed::<DoubleType>().write_batch(values, Some(there), None),
                Held::Flags { values, there } => writer.typed::<BoolType>().write_batch(values, Some(there), None),
            };
            written.map_err(failed)?;
            writer.close().map_err(failed)?;
            column.clear();
        }
        group.close().map_err(failed)?;
        self.rows = 0;
        Ok(())
    }

    /// What was written since this was last asked.
    fn ready(&mut self) -> io::Result<Vec<u8>> {
        self.writer.flush()?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }
}

impl Held {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Time => Self::Times(Vec::new()),
            Kind::Text => Self::Texts { values: Vec::new(), there: None },
            Kind::MaybeText => Self::Texts { values: Vec::new(), there: Some(Vec::new()) },
            Kind::MaybeNumber => Self::Numbers { values: Vec::new(), there: Vec::new() },
            Kind::MaybeFlag => Self::Flags { values: Vec::new(), there: Vec::new() },
        }
    }

    /// A cell of another kind than the column's counts as none.
    fn push(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Self::Times(values), Cell::Time(ns)) => values.push(ns),
            (Self::Times(values), _) => values.push(0),
            (Self::Texts { values, there }, Cell::Text(text)) => {
                // Neighbours are mostly alike: they share their bytes.
                let same = values.last().filter(|last| last.data() == text.as_bytes()).cloned();
                values.push(same.unwrap_or_else(|| ByteArray::from(text)));
                there.iter_mut().for_each(|there| there.push(1));
            }
            (Self::Texts { values, there: None }, _) => values.push(ByteArray::from("")),
            (Self::Numbers { values, there }, Cell::Number(number)) => {
                values.push(number);
                there.push(1);
            }
            (Self::Flags { values, there }, Cell::Flag(flag)) => {
                values.push(flag);
                there.push(1);
            }
            (Self::Texts { there: Some(there), .. } | Self::Numbers { there, .. } | Self::Flags { there, .. }, _) => there.push(0),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Times(values) => values.clear(),
            Self::Texts { values, there } => {
                values.clear();
                there.iter_mut().for_each(Vec::clear);
            }
            Self::Numbers { values, there } => {
                values.clear();
                there.clear();
            }
            Self::Flags { values, there } => {
                values.clear();
                there.clear();
            }
        }
    }
}

fn field((name, kind): &Column) -> Result<Type, ParquetError> {
    let (physical, logical, repetition) = match kind {
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS)), Repetition::REQUIRED),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::REQUIRED),
        Kind::MaybeText => (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::OPTIONAL),
        Kind::MaybeNumber => (Physical::DOUBLE, None, Repetition::OPTIONAL),
        Kind::MaybeFlag => (Physical::BOOLEAN, None, Repetition::OPTIONAL),
    };
    Type::primitive_type_builder(name, physical).with_logical_type(logical).with_repetition(repetition).build()
}

fn failed(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use std::sync::Arc;

    use axum::body::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::*;
    use crate::history::entry::{Measurement, Value};
    use crate::history::query;

    fn page(from: i64, count: i64) -> query::Page {
        let key = |field: &str| query::SeriesKey {
            measurement: Measurement::Analysis,
            pair: "BTC-USDT".into(),
            source: "liquidity".into(),
            field: field.into(),
        };
        let points =
            |value: fn(i64) -> Value| (from..from + count).map(|n| query::Point { time_ns: n * 1_000_000_007, value: value(n) }).collect();
        let series = [
            (key("liquidity_index"), points(|n| Value::Number(n as f64 / 3.0))),
            (key("liquidity.note"), points(|n| Value::Text(Arc::from(format!("é{n}"))))),
            (key("liquidity.flag"), points(|n| Value::Flag(n % 2 == 0))),
        ];
        query::Page { series: series.into_iter().collect(), next_ns: None }
    }

    #[test]
    fn what_is_read_back_is_what_was_written_whatever_the_sizes_of_pages_and_groups() {
        let mut table = Table::begin(<query::Page as Page>::COLUMNS).unwrap();
        let (mut file, mut pieces) = (Vec::new(), 0);
        let pages = [(0, 1), (1, 30_000), (30_001, 0), (30_001, 15_000)];
        for (from, count) in pages {
            let bytes = table.write(&page(from, count)).unwrap();
            pieces += usize::from(!bytes.is_empty());
            file.extend(bytes);
        }
        file.extend(table.finish().unwrap());
        assert!(pieces > 1, "groups are handed on before the end");
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        let sizes: Vec<i64> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(sizes, [65_536, 65_536, 3 * 45_001 - 2 * 65_536]);
        let mut rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
        for (from, count) in pages {
            page(from, count).cells(|cells| {
                let row = rows.next().unwrap();
                assert_eq!(Cell::Time(row.get_long(0).unwrap()), cells[0]);
                assert_eq!(Cell::Text(row.get_string(4).unwrap()), cells[4]);
                let of = |place: usize| match place {
                    5 => row.get_double(5).map_or(Cell::Empty, Cell::Number),
                    6 => row.get_string(6).map_or(Cell::Empty, |text| Cell::Text(text)),
                    _ => row.get_bool(7).map_or(Cell::Empty, Cell::Flag),
                };
                assert_eq!([of(5), of(6), of(7)], [cells[5], cells[6], cells[7]]);
            });
        }
        assert!(rows.next().is_none());
    }

    #[test]
    fn nothing_at_all_is_a_table_without_rows() {
        let table = Table::begin(<Vec<crate::history::entry::AlertEntry> as Page>::COLUMNS).unwrap();
        let reader = SerializedFileReader::new(Bytes::from(table.finish().unwrap())).unwrap();
        assert_eq!((reader.metadata().file_metadata().num_rows(), reader.metadata().file_metadata().schema().get_fields().len()), (0, 10));
    }
}
