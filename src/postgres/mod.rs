//! The login probe: logs in to a PostgreSQL server and returns a typed reason for each way to fail.
//!
//! A login is staged by hand: DNS, TCP, SSLRequest, TLS, login. At most one login reaches a server, whatever its response.
//!
//! | module | content |
//! |---|---|
//! | `target` | the server, database, role, password and TLS settings of a login |
//! | `login` | the stages of a login |
//! | `login::endpoint_probe` | the stages up to TLS, without credentials |
//! | `guard` | reads the server's messages and lets the password pass only where it is safe |
//! | `tls` | TLS settings; PEM input, presented certificates, their verification and problems |
//! | `saslprep` | passwords that clients rewrite |
//! | `address`, `network` | kinds of addresses, and ranges of them |
//! | `privileges` | which passwords a role may change, from the catalogs |
//! | `failure`, `server_error` | errors of libraries and servers, converted to a reason |
//! | `reason` | all reasons |
//! | `statement` | SQL for a user to run, and the role that may run it |
//! | `refusal` | a reason together with endpoint, time and role |

mod address;
mod failure;
mod guard;
mod login;
mod privileges;
#[cfg(test)]
mod properties;
mod reason;
mod refusal;
mod saslprep;
mod server_error;
mod statement;
mod target;
mod text;
mod tls;

pub use crate::postgres::address::{AddressKind, ascii_host, is_loopback, is_private};
pub use crate::postgres::login::{Accepted, EndpointReport, ResolvedHost, TlsReport, login, resolve};
pub use crate::postgres::privileges::{
    CatalogRole, Facts, LoginSession, Membership, Obstacle, OwnPassword, Questions, RoleAttributes, RotationCheck,
    Unanswered, without_facts,
};
pub use crate::postgres::reason::{Certainty, Channel, Insecure, Reason, Scope, Stage};
pub use crate::postgres::refusal::{Endpoint, Refusal};
pub use crate::postgres::saslprep::is_changed_by_saslprep;
pub use crate::postgres::server_error::{ServerError, without_names};
pub use crate::postgres::statement::{MAX_IDENTIFIER_LENGTH, RunAs, Statement, quoted};
pub use crate::postgres::target::{Address, Target, Tls};
pub use crate::postgres::text::hex;
pub use crate::postgres::tls::not_pem::NotPem;
pub use crate::postgres::tls::pem::{CertificateError, Certificates, Damage};
pub use crate::postgres::tls::presented::Presented;
pub use crate::postgres::tls::problem::{CertificateProblem, Fault, Link, Trust};
