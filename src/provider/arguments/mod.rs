//! Rules of arguments that several kinds of objects have. Does not depend on what they are for.

pub(crate) mod address;
pub(crate) mod host;
