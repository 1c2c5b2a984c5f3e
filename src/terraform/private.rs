//! Private data: the provider's own record about an object, which the core stores in the state. Every reader of the state
//! can read it, so it must not hold a secret.
//!
//! A versioned document with two parts: entries stored with the object, and entries that a plan passes to its apply. An
//! apply does not receive the prior private data, so a plan carries a complete copy.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::terraform::diagnostic::Diagnostic;

const FORMAT: u64 = 1;

/// The private data of one object.
#[derive(Clone, Default, PartialEq)]
pub struct Private {
    kept: Map<String, Json>,
    planned: Map<String, Json>,
    /// Bytes of a newer format: passed through unchanged and not readable.
    newer: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: u64,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    kept: Map<String, Json>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    planned: Map<String, Json>,
}

impl Private {
    /// Decodes the bytes that a core stored. No bytes mean no entries.
    ///
    /// # Errors
    /// When the bytes have another form: the state was edited or belongs to another provider.
    pub fn decode(bytes: &[u8]) -> Result<Self, Diagnostic> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let document: Map<String, Json> = serde_json::from_slice(bytes).map_err(|_| unreadable())?;
        let format = document.get("format").and_then(Json::as_u64).ok_or_else(unreadable)?;
        if format > FORMAT {
            return Ok(Self { newer: Some(bytes.to_vec()), ..Self::default() });
        }
        let Document { kept, planned, .. } =
            serde_json::from_value(Json::Object(document)).map_err(|_| unreadable())?;
        Ok(Self { kept, planned, newer: None })
    }

    /// Encodes the private data for the core to store.
    pub fn encode(self) -> Vec<u8> {
        if let Some(newer) = self.newer {
            return newer;
        }
        if self.kept.is_empty() && self.planned.is_empty() {
            return Vec::new();
        }
        let document = Document { format: FORMAT, kept: self.kept, planned: self.planned };
        // A map of JSON values always has a JSON form.
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// Returns whether a newer version of the provider wrote it, so that no entry can be read.
    pub fn is_newer(&self) -> bool {
        self.newer.is_some()
    }

    /// Returns an entry stored with the object.
    pub fn kept(&self, key: &str) -> Option<&Json> {
        self.kept.get(key)
    }

    /// Sets an entry stored with the object; null removes it.
    pub fn keep(&mut self, key: &str, value: Json) {
        write(&mut self.kept, key, value);
    }

    /// Returns an entry that the plan passed to its apply.
    pub fn planned(&self, key: &str) -> Option<&Json> {
        self.planned.get(key)
    }

    /// Sets an entry for the apply of this plan; null removes it.
    pub fn plan(&mut self, key: &str, value: Json) {
        write(&mut self.planned, key, value);
    }

    /// Returns the private data without the entries of the plan, as stored after an apply.
    #[must_use]
    pub fn without_plan(mut self) -> Self {
        self.planned.clear();
        self
    }
}

fn write(part: &mut Map<String, Json>, key: &str, value: Json) {
    if value.is_null() {
        part.remove(key);
    } else {
        part.insert(key.to_owned(), value);
    }
}

fn unreadable() -> Diagnostic {
    Diagnostic::error(
        "Private data in the state cannot be read",
        "No version of the provider writes private data in the form that the state holds for this object. The state was \
         probably edited by hand or written by another provider. Restore the state from a backup, or remove the object \
         from it with a `removed` block and import it again.",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_stored_entries_and_drops_planned_ones() {
        let mut private = Private::default();
        assert!(private.clone().encode().is_empty());
        private.keep("written_hash", Json::from("abc"));
        private.plan("sends", Json::from(true));
        let read = Private::decode(&private.encode()).unwrap();
        assert_eq!(read.planned("sends"), Some(&Json::from(true)));
        let after = Private::decode(&read.without_plan().encode()).unwrap();
        assert_eq!(after.kept("written_hash"), Some(&Json::from("abc")));
        assert_eq!(after.planned("sends"), None);
    }

    #[test]
    fn passes_newer_format_through_unchanged() {
        let bytes = br#"{"format":2,"kept":{"written_hash":["x"]},"more":1}"#;
        let mut private = Private::decode(bytes).unwrap();
        assert!(private.is_newer());
        assert_eq!(private.kept("written_hash"), None);
        private.keep("written_hash", Json::from("mine"));
        assert_eq!(private.without_plan().encode(), bytes);
    }

    #[test]
    fn rejects_other_bytes() {
        for bytes in [&b"x"[..], b"{}", b"[1]", b"\xff\xfe", br#"{"format":"1"}"#, br#"{"format":1,"kept":3}"#] {
            assert!(Private::decode(bytes).is_err(), "{bytes:?}");
        }
    }
    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_decode_or_fail_cleanly(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut damaged = br#"{"format":1,"kept":{"a":"b","c":[1,2]},"planned":{"d":null}}"#.to_vec();
            for (index, byte) in damage {
                let index = index.index(damaged.len());
                damaged[index] = byte;
            }
            for bytes in [bytes, damaged] {
                if let Ok(private) = Private::decode(&bytes) {
                    let written = private.clone().encode();
                    prop_assert!(Private::decode(&written).unwrap() == private);
                }
            }
        }
    }
}
