//! The login probe: would this server let this role into this database? Knows SQLSTATE and TLS; nothing of Terraform
//! or of the KMS.
//!
//! A login is staged by hand, so that each way to fail has a name of its own: DNS, TCP, SSLRequest, TLS, login. At most
//! one login reaches a server, whatever it answers.
//!
//! | file | concept |
//! |---|---|
//! | `target` | what is asked, by whom and how |
//! | `login` | the stages |
//! | `guard` | reads along with the server and lets the password go only where it is safe |
//! | `tls` | the settings of an encrypted connection |
//! | `judgement` | whether a server's certificate is good, as the service sees it |
//! | `certificates`, `presented`, `certificate_problem` | what a person gives, what a server shows, what is wrong with it |
//! | `not_pem` | what people give in place of a certificate |
//! | `saslprep` | passwords that clients rewrite |
//! | `address`, `network` | what is never contacted, and what belongs to somebody's own network |
//! | `privileges` | what a login may change, as the catalogs say |
//! | `failure`, `server_error` | what libraries report, and what servers say, turned into a reason |
//! | `driver` | the same for what the service's driver says of a login of its own |
//! | `reason` | every reason |
//! | `words` | one table: the class of each reason, the input to blame, what to say |
//! | `privileges` | what the role may do with the passwords of others, once it is in |
//! | `refusal` | a reason together with where, when and as whom |

mod address;
mod certificate_problem;
mod certificates;
mod driver;
mod failure;
mod guard;
mod judgement;
mod login;
mod network;
mod not_pem;
mod presented;
mod privileges;
#[cfg(test)]
mod properties;
mod reason;
mod refusal;
mod saslprep;
mod server_error;
mod target;
mod text;
mod tls;
mod words;

pub use self::address::{ascii_host, is_internal, is_loopback, is_private};
pub use self::certificate_problem::{CertificateProblem, Fault, Link, Trust};
pub use self::certificates::{CertificateError, Certificates, Damage};
pub use self::driver::reason_of_driver;
pub use self::login::{Accepted, Resolved, login, resolve};
pub use self::network::{Network, NotANetwork};
pub use self::not_pem::NotPem;
pub use self::presented::Presented;
pub use self::privileges::{
    Attributes, Door, Facts, Obstacle, OwnPassword, Questions, Role, Rotation, Session, Unanswered, without_facts,
};
pub use self::reason::{Blame, Class, Insecure, Reason, Scope, Stage};
pub use self::refusal::{Endpoint, Refusal};
pub use self::saslprep::is_changed_by_saslprep;
pub use self::server_error::ServerError;
pub use self::target::{Address, Target, Tls};
pub use self::words::Statement;
