//! A first-in, first-out window of fixed capacity.

use serde::{Deserialize, Deserializer, Serialize};

/// The newest `capacity` values; one more pushes the oldest out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ring<T> {
    capacity: usize,
    /// Where the next value goes once the ring is full, so also the oldest value; 0 before.
    head: usize,
    values: Vec<T>,
}

impl<T: Copy> Ring<T> {
    /// An empty window. A capacity of 0 counts as 1: there is always a newest value.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), head: 0, values: Vec::new() }
    }

    /// Appends a value and gives back the one that had to leave.
    pub fn push(&mut self, value: T) -> Option<T> {
        if self.values.len() < self.capacity {
            self.values.push(value);
            return None;
        }
        let slot = self.values.get_mut(self.head)?;
        let oldest = std::mem::replace(slot, value);
        self.head = if self.head + 1 == self.capacity { 0 } else { self.head + 1 };
        Some(oldest)
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many there can be.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The newest value.
    #[must_use]
    pub fn newest(&self) -> Option<T> {
        self.iter().next_back()
    }

    /// From the oldest to the newest.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = T> + '_ {
        let (newer, older) = self.values.split_at(self.head.min(self.values.len()));
        older.iter().chain(newer).copied()
    }

    /// Replaces each value by what `change` makes of it.
    pub fn map_in_place(&mut self, change: impl Fn(T) -> T) {
        for value in &mut self.values {
            *value = change(*value);
        }
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.values.clear();
        self.head = 0;
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ring<T> {
    /// Refuses a ring that contradicts itself: the rest of the code relies on head and length.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Saved<T> {
            capacity: usize,
            head: usize,
            values: Vec<T>,
        }
        let Saved { capacity, head, values } = Saved::deserialize(deserializer)?;
        let full = values.len() == capacity;
        if capacity == 0 || values.len() > capacity || (head > 0 && !full) || (full && head >= capacity) {
            return Err(serde::de::Error::custom(format!("a window of {capacity} with {} values and head {head}", values.len())));
        }
        Ok(Self { capacity, head, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn holds_the_newest_values_in_order(capacity in 1_usize..20, values in prop::collection::vec(any::<u16>(), 0..80)) {
            let mut ring = Ring::new(capacity);
            let mut model = VecDeque::new();
            for value in values {
                model.push_back(value);
                let expected = if model.len() > capacity { model.pop_front() } else { None };
                prop_assert_eq!(ring.push(value), expected);
                prop_assert_eq!(ring.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(ring.newest(), model.back().copied());
                let saved = serde_json::to_string(&ring).map_err(|error| TestCaseError::fail(error.to_string()))?;
                let restored: Ring<u16> = serde_json::from_str(&saved).map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(&restored, &ring);
            }
        }
    }

    #[test]
    fn a_saved_ring_that_contradicts_itself_is_refused() {
        for text in [
            r#"{"capacity":0,"head":0,"values":[]}"#,
            r#"{"capacity":2,"head":0,"values":[1,2,3]}"#,
            r#"{"capacity":2,"head":1,"values":[1]}"#,
            r#"{"capacity":2,"head":2,"values":[1,2]}"#,
        ] {
            assert!(serde_json::from_str::<Ring<u16>>(text).is_err(), "{text}");
        }
    }
}
