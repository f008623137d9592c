//! Outputs of a plugin, declared once: the struct that a book is answered with, the table for the descriptor and the fields of a reading come from one
//! declaration, so that none is described and never given, or given and not described.

use crate::{Field, Output, OutputKind, TickGrid, Value, format};

/// What one book is answered with; made by [`crate::outputs!`], or by hand where names are made up at run time.
pub trait Outputs: Sized {
    /// The outputs in the order of the fields.
    fn declared() -> Vec<Output>;

    /// The fields, in that order. `grid`: where the instrument's prices can lie.
    fn fields(self, grid: &TickGrid) -> Vec<Field>;

    /// Every output, with nothing to say.
    #[must_use]
    fn none() -> Vec<Field> {
        Self::declared().into_iter().map(|output| Field { name: output.name, value: Value::None }).collect()
    }
}

/// A type that an output can have.
pub trait OutputValue {
    /// The value as the contract has it. A number that isn't finite becomes [`Value::None`]: no output may be NaN or infinite.
    fn value(self, kind: OutputKind, grid: &TickGrid) -> Value;
}

/// A JSON document as an output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Json(pub String);

impl OutputValue for f64 {
    fn value(self, kind: OutputKind, grid: &TickGrid) -> Value {
        let number = if kind == OutputKind::Price { grid.snap(self) } else { format::round(self) };
        if number.is_finite() { Value::Number(number) } else { Value::None }
    }
}

impl OutputValue for i64 {
    fn value(self, _: OutputKind, _: &TickGrid) -> Value {
        Value::Integer(self)
    }
}

impl OutputValue for u32 {
    fn value(self, _: OutputKind, _: &TickGrid) -> Value {
        Value::Integer(i64::from(self))
    }
}

impl OutputValue for bool {
    fn value(self, _: OutputKind, _: &TickGrid) -> Value {
        Value::Flag(self)
    }
}

impl OutputValue for &'static str {
    fn value(self, _: OutputKind, _: &TickGrid) -> Value {
        Value::Text(self.to_owned())
    }
}

impl OutputValue for String {
    fn value(self, _: OutputKind, _: &TickGrid) -> Value {
        Value::Text(self)
    }
}

impl OutputValue for Json {
    fn value(self, _: OutputKind, _: &TickGrid) -> Value {
        Value::Json(self.0)
    }
}

impl<const N: usize> OutputValue for [f64; N] {
    fn value(self, _: OutputKind, _: &TickGrid) -> Value {
        // One hole would be a number that isn't one.
        if self.iter().all(|number| number.is_finite()) { Value::Numbers(self.map(format::round).to_vec()) } else { Value::None }
    }
}

impl<T: OutputValue> OutputValue for Option<T> {
    fn value(self, kind: OutputKind, grid: &TickGrid) -> Value {
        self.map_or(Value::None, |value| value.value(kind, grid))
    }
}

/// Declares what one book is answered with. Types: `f64`, `i64`, `u32`, `bool`, `&'static str`, `String`, [`Json`], `[f64; N]`, and any of
/// them as an `Option` where it can't always be given. A kind is one of [`OutputKind`]'s; `Price` puts a number on the tick grid.
///
/// ```
/// use leadline_plugin::{Outputs as _, TickGrid, Value};
///
/// leadline_plugin::outputs! {
///     /// What one book gives.
///     pub struct Answer {
///         /// Best ask minus best bid, over mid.
///         spread_bps: f64, Bps, unit "bps", low 0.0;
///         /// Which side is thinner: bid or ask; none when both are alike.
///         thinner: Option<&'static str>, State;
///     }
/// }
///
/// assert_eq!(Answer::declared()[0].summary, "Best ask minus best bid, over mid.");
/// let fields = Answer { spread_bps: 0.1 + 0.2, thinner: None }.fields(&TickGrid::new(0.1));
/// assert_eq!((&fields[0].value, &fields[1].value), (&Value::Number(0.3), &Value::None));
/// ```
#[macro_export]
macro_rules! outputs {
    (
        $(#[doc = $doc:literal])+
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $summary:literal])+
                $field:ident: $type:ty, $kind:ident $(, unit $unit:literal)? $(, low $low:literal)? $(, high $high:literal)?;
            )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name {
            $(
                $(#[doc = $summary])+
                $vis $field: $type,
            )+
        }

        impl $crate::Outputs for $name {
            fn declared() -> Vec<$crate::Output> {
                vec![$(
                    $crate::Output {
                        name: stringify!($field).to_owned(),
                        kind: $crate::OutputKind::$kind,
                        unit: [$($unit,)? ""][0].to_owned(),
                        low: [$(Some($low),)? None][0],
                        high: [$(Some($high),)? None][0],
                        summary: concat!($($summary),+).trim().to_owned(),
                    },
                )+]
            }

            fn fields(self, grid: &$crate::TickGrid) -> Vec<$crate::Field> {
                vec![$(
                    $crate::Field {
                        name: stringify!($field).to_owned(),
                        value: $crate::outputs::OutputValue::value(self.$field, $crate::OutputKind::$kind, grid),
                    },
                )+]
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::outputs! {
        /// For the tests.
        struct Some {
            /// A price.
            price: f64, Price, unit "quote", low 0.0;
            /// A share.
            share: Option<f64>, Ratio, low 0.0, high 1.0;
            /// Two numbers.
            both: [f64; 2], Other;
            /// A count.
            count: u32, Count;
            /// A flag.
            loud: bool, State;
            /// A document.
            list: Json, Other, unit "JSON";
        }
    }

    fn some() -> Some {
        Some { price: 30_199.63, share: None, both: [1.0, 2.0], count: 3, loud: true, list: Json("[]".to_owned()) }
    }

    #[test]
    fn every_declared_output_is_given_under_its_name_and_prices_stand_on_the_grid() {
        let (declared, fields) = (Some::declared(), some().fields(&TickGrid::new(0.1)));
        assert!(declared.iter().map(|output| &output.name).eq(fields.iter().map(|field| &field.name)));
        assert!(declared.iter().map(|output| &output.name).eq(Some::none().iter().map(|field| &field.name)));
        let values: Vec<Value> = fields.into_iter().map(|field| field.value).collect();
        let list = Value::Json("[]".to_owned());
        let both = Value::Numbers(vec![1.0, 2.0]);
        assert_eq!(values, [Value::Number(30_199.6), Value::None, both, Value::Integer(3), Value::Flag(true), list]);
        assert_eq!((declared[1].low, declared[1].high, declared[0].unit.as_str()), (Option::Some(0.0), Option::Some(1.0), "quote"));
    }

    #[test]
    fn numbers_that_are_none_become_none() {
        let broken = Some { price: f64::NAN, share: Option::Some(f64::INFINITY), both: [1.0, f64::NAN], ..some() };
        let fields = broken.fields(&TickGrid::new(0.1));
        assert!(fields[..3].iter().all(|field| field.value == Value::None));
    }
}
