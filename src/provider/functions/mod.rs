//! The provider's functions: pure, offline, usable without a provider block.
//!
//! | module | function |
//! |---|---|
//! | [`postgres_url`] | `parse_postgres_url`: the parts of a connection URL as arguments of a connection |
//! | [`grants`] | `grant_sql`: the statements that a connection with `rotation_roles` needs |
//! | [`slug`] | `connection_slug`: the nearest valid name of a connection |
//!
//! Their errors are enums; `messages::functions` makes the text.

pub(crate) mod grants;
pub(crate) mod postgres_url;
pub(crate) mod slug;
