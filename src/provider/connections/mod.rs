//! App connections as the KMS holds them: the cached lists of each scope, the check of a name before a create, and the search
//! for an object after a lost response.

pub(crate) mod cache;
pub(crate) mod lost_answer;
pub(crate) mod name_check;
