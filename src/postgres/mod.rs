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
//! | `tls`, `certificates` | whose certificates are trusted, and what is wrong with others |
//! | `address`, `network` | what is never contacted, and what belongs to somebody's own network |
//! | `failure`, `server_error` | what libraries report, and what servers say, turned into a reason |
//! | `reason` | every reason |
//! | `words` | one table: the class of each reason, the input to blame, what to say |
//! | `privileges` | what the role may do with the passwords of others, once it is in |
//! | `refusal` | a reason together with where, when and as whom |

mod address;
mod certificates;
mod failure;
mod guard;
mod login;
mod network;
mod privileges;
mod reason;
mod refusal;
mod server_error;
mod target;
mod text;
mod tls;
mod words;

pub use self::address::{is_internal, is_loopback, is_private};
pub use self::certificates::{CertificateError, Certificates, Presented};
pub use self::login::{Accepted, Resolved, login, resolve};
pub use self::network::{Network, NotANetwork};
pub use self::privileges::{
    Attributes, Door, Facts, Obstacle, OwnPassword, Questions, Role, Rotation, Session, Unanswered, without_facts,
};
pub use self::reason::{Blame, Class, Insecure, Reason, Scope, Stage};
pub use self::refusal::{Endpoint, Refusal};
pub use self::server_error::ServerError;
pub use self::target::{Address, Target, Tls};
pub use self::tls::{CertificateProblem, Fault, Trust};
pub use self::words::Statement;
