//! The layout of a detail: one sentence about what happened, facts, what has and has not been changed, possible causes,
//! how to proceed.

use std::fmt;

use super::sentence;

/// The detail of a diagnostic. Parts that are not set are left out.
#[derive(Default)]
pub(super) struct Detail {
    happened: String,
    facts: Vec<String>,
    changes: Vec<String>,
    causes: Vec<String>,
    next: Vec<String>,
}

impl Detail {
    /// Begins with the sentence about what happened.
    pub(super) fn new(happened: impl AsRef<str>) -> Self {
        Self { happened: sentence(happened.as_ref()), ..Self::default() }
    }

    /// Adds a line `Label: value`.
    pub(super) fn fact(mut self, label: &str, value: impl fmt::Display) -> Self {
        self.facts.push(format!("{label}: {value}"));
        self
    }

    /// Adds a line `Label: value` where there is a value.
    pub(super) fn fact_if(self, label: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.fact(label, value),
            None => self,
        }
    }

    /// Adds what has and has not been changed.
    pub(super) fn changed(mut self, sentence: impl Into<String>) -> Self {
        self.changes.push(sentence.into());
        self
    }

    /// Adds possible causes, most likely first.
    pub(super) fn causes<T: Into<String>>(mut self, causes: impl IntoIterator<Item = T>) -> Self {
        self.causes.extend(causes.into_iter().map(Into::into));
        self
    }

    /// Adds a paragraph about how to proceed.
    pub(super) fn next(mut self, paragraph: impl Into<String>) -> Self {
        self.next.push(paragraph.into());
        self
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.happened)?;
        for fact in self.facts.iter().chain(&self.changes) {
            write!(formatter, "\n{fact}")?;
        }
        if let Some(causes) = super::possible_causes(self.causes.iter().cloned()) {
            write!(formatter, "\n\n{causes}")?;
        }
        for paragraph in self.next.iter().filter(|paragraph| !paragraph.is_empty()) {
            write!(formatter, "\n\n{paragraph}")?;
        }
        Ok(())
    }
}
