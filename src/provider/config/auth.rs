//! Who logs in to the service: from arguments and variables to one method with all its inputs. Knows nothing of the login
//! itself.
//!
//! [`auth_inputs`](super::auth_inputs) has the table of methods with their inputs. A further method is a row there.

use std::path::PathBuf;

use crate::env;
use crate::kms::{AZURE_METADATA, AuthMethod, AuthRequest, Aws, GOOGLE_METADATA, Proof};
use crate::secret::Secret;
use crate::terraform::diagnostic::Diagnostic;

use super::auth_inputs::{Environment, Input, InputRow, InputValue, Inputs, METHODS};
use super::{ProviderBlock, SettingSource, argument};

/// Where Kubernetes puts the token of a pod's service account.
pub(super) const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The login that arguments or variables describe. None at all is no error: not every run needs one.
pub(super) fn login(block: &ProviderBlock, variable: env::Lookup<'_>) -> Result<Option<AuthRequest>, Diagnostic> {
    let inputs = Inputs::find(block, variable);
    let Some((row, because)) = choose(block, &inputs, variable)? else { return Ok(None) };
    complete(row, because, &inputs, variable).map(Some)
}

/// Reads the name of a method. Case, dashes and an `auth` at the end do not matter: the incumbents' tools write them so.
pub(super) fn parse(text: &str, source: SettingSource) -> Result<AuthMethod, Diagnostic> {
    let name = text.trim().to_ascii_lowercase().replace('-', "_");
    let name = name.strip_suffix("_auth").unwrap_or(&name);
    let name = match name {
        "aws" => "aws_iam",
        "gcp_id_token" => "gcp",
        name => name,
    };
    AuthMethod::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
        let known = names(AuthMethod::ALL.map(AuthMethod::name));
        source.diagnostic(
            "Unknown authentication method",
            &format!("this is not a method that the provider knows. It takes {known}."),
        )
    })
}

/// The method in use, and the argument or variable that says so: the block alone if it can tell, else the variable that
/// names a method, else the block together with the inputs among the variables.
fn choose(
    block: &ProviderBlock,
    inputs: &Inputs,
    variable: env::Lookup<'_>,
) -> Result<Option<(&'static InputRow, &'static str)>, Diagnostic> {
    if let Some(method) = argument(&block.auth_method) {
        let method = parse(&method, SettingSource::Argument("auth_method"))?;
        return Ok(InputRow::of(method).map(|row| (row, "auth_method")));
    }
    let of_block = possible(METHODS.iter().collect(), &inputs.block);
    if let ([row], Some(found)) = (of_block.as_slice(), inputs.block.first()) {
        return Ok(Some((row, found.name)));
    }
    if let Some((name, method)) = env::first(&env::AUTH_METHOD, variable) {
        let method = parse(&method, SettingSource::Variable(name))?;
        let fits = of_block.is_empty() || of_block.iter().any(|row| row.method == method);
        return match (fits, inputs.block.first()) {
            (false, Some(found)) => Err(contradiction(method, name, found)),
            _ => Ok(InputRow::of(method).map(|row| (row, name))),
        };
    }
    if of_block.is_empty() {
        return Err(two_methods(&inputs.block, "in the provider block").at("auth_method"));
    }
    // What no method uses that the block leaves possible is not meant for this provider block.
    let relevant: Vec<&InputValue> =
        inputs.environment.iter().filter(|found| of_block.iter().any(|row| row.uses(found.input))).collect();
    let all = possible(of_block, relevant.iter().copied());
    match (all.as_slice(), relevant.first().copied().or(inputs.block.first())) {
        (_, None) => Ok(None),
        ([], _) => Err(two_methods(relevant, "in the environment")),
        ([row], Some(found)) => Ok(Some((row, found.name))),
        (several, Some(_)) => Err(undecided(several, inputs.block.iter().chain(relevant))),
    }
}

/// Those of the methods that use every one of the inputs.
fn possible<'a>(
    methods: Vec<&'static InputRow>,
    inputs: impl IntoIterator<Item = &'a InputValue>,
) -> Vec<&'static InputRow> {
    inputs.into_iter().fold(methods, |rows, found| rows.into_iter().filter(|row| row.uses(found.input)).collect())
}

/// The login, with everything it needs.
fn complete(
    row: &'static InputRow,
    because: &'static str,
    inputs: &Inputs,
    variable: env::Lookup<'_>,
) -> Result<AuthRequest, Diagnostic> {
    let (found_who, found_proof) = (row.who.and_then(|who| inputs.get(who)), inputs.first(row.proof));
    for found in [found_who, found_proof].into_iter().flatten() {
        found.check()?;
    }
    let who = row.who.map(|who| found_who.map(|found| found.value.clone()).ok_or(Missing::of(&[who])));
    let proof = match found_proof {
        Some(found) => found.proof(row.method, variable)?,
        None => surroundings(row, variable),
    };
    match (row.method, who, proof) {
        (AuthMethod::Token, None, Ok(Proof::Given(token))) => Ok(AuthRequest::token(token)),
        (AuthMethod::Universal, Some(Ok(id)), Ok(Proof::Given(secret))) => Ok(AuthRequest::universal(id, secret)),
        (method, Some(Ok(id)), Ok(proof)) => Ok(AuthRequest::identity(method, id, proof)),
        (_, who, proof) => {
            let missing = [who.and_then(Result::err), proof.err()].into_iter().flatten();
            Err(incomplete(row, because, inputs, missing.collect()))
        }
    }
}

impl InputValue {
    /// What is wrong with a value of any input. Never says the value.
    fn check(&self) -> Result<(), Diagnostic> {
        let ends = [self.value.chars().next(), self.value.chars().next_back()];
        if matches!(ends, [Some('"'), Some('"')] | [Some('\''), Some('\'')]) {
            let rule = "the value is in quotes, which are a part of it here. Remove them.";
            return Err(self.source().diagnostic("Quotes in a value", rule));
        }
        if self.input.is_file() && (self.value.contains('\n') || self.value.starts_with("eyJ")) {
            let rule = "it takes the path of a file, not the token itself. That goes into the argument `jwt`.";
            return Err(self.source().diagnostic("A token in place of a path", rule));
        }
        Ok(())
    }

    /// What proves the identity, or `Err(Missing)` inside where the variable that is named is not set.
    fn proof(&self, method: AuthMethod, variable: env::Lookup<'_>) -> Result<Result<Proof, Missing>, Diagnostic> {
        let token = match self.input {
            Input::NamedVariable => match named(self, variable) {
                Ok(token) => token,
                Err(missing) => return Ok(Err(missing)),
            },
            input if input.is_file() => return Ok(Ok(Proof::File(PathBuf::from(&self.value)))),
            _ if method == AuthMethod::Universal => return Ok(Ok(Proof::Given(Secret::new(&self.value)))),
            _ => self.value.clone(),
        };
        const SUMMARY: &str = "This is not a token";
        if token.starts_with(['/', '~', '.']) {
            let rule =
                "it takes the token itself, not the path of a file. For a path there is the argument `jwt_file`.";
            return Err(self.source().diagnostic(SUMMARY, rule));
        }
        let rule = "it holds spaces, line breaks or other characters that no token has.";
        Proof::token(&token).map(Ok).ok_or_else(|| self.source().diagnostic(SUMMARY, rule))
    }

    fn source(&self) -> SettingSource {
        if self.input.argument() == Some(self.name) {
            SettingSource::Argument(self.name)
        } else {
            SettingSource::Variable(self.name)
        }
    }
}

/// The token in the variable that `found` names.
fn named(found: &InputValue, variable: env::Lookup<'_>) -> Result<String, Missing> {
    let name = &found.value;
    // What is no name may be the token itself.
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let value = variable(name).map(|token| token.trim().to_owned()).filter(|token| is_name && !token.is_empty());
    value.ok_or_else(|| {
        // A token of letters and digits has the form of a name, too.
        let is_shown = is_name && !name.contains(|c: char| c.is_ascii_lowercase());
        let sentence = if is_shown {
            format!("the token. `{}` says that it is in the variable `{name}`, and that is not set.", found.name)
        } else {
            format!(
                "the token. `{}` takes the name of a variable that is set, and what it holds is no such name.",
                found.name
            )
        };
        Missing { argument: None, sentence }
    })
}

fn surroundings(row: &InputRow, variable: env::Lookup<'_>) -> Result<Proof, Missing> {
    let missing = || Missing::of(row.proof);
    Ok(match row.otherwise.ok_or_else(missing)? {
        Environment::GitHubActions => {
            let set = |name| variable(name).filter(|value| !value.trim().is_empty());
            let asked = set(env::ACTIONS_ID_TOKEN_REQUEST_URL).zip(set(env::ACTIONS_ID_TOKEN_REQUEST_TOKEN));
            let (url, token) = asked.ok_or_else(|| {
                missing().or(
                " In a job of GitHub Actions none of them is needed: give the job the permission `id-token: write`.",
            )
            })?;
            Proof::GitHubActions { url, token: Secret::new(token) }
        }
        Environment::ServiceAccount => Proof::File(PathBuf::from(SERVICE_ACCOUNT_TOKEN)),
        Environment::Azure => Proof::Azure {
            address: variable(env::AZURE_POD_IDENTITY_AUTHORITY_HOST).unwrap_or(AZURE_METADATA.to_owned()),
        },
        Environment::Google => {
            Proof::Google { host: variable(env::GCE_METADATA_HOST).unwrap_or(GOOGLE_METADATA.to_owned()) }
        }
        Environment::Aws => Proof::Aws(Aws::new(variable)),
    })
}

/// What a method lacks.
struct Missing {
    argument: Option<&'static str>,
    sentence: String,
}

impl Missing {
    /// One of several inputs that will do.
    fn of(inputs: &[Input]) -> Self {
        let arguments: Vec<_> = inputs.iter().filter_map(|input| input.argument()).collect();
        let variables = inputs.iter().flat_map(|input| input.variables()).map(|variable| variable.name);
        let arguments_or = names_or(arguments.iter().copied());
        let sentence = format!(
            "{arguments_or} is not set. Set the argument {arguments_or} or one of the environment variables {}.",
            names(variables)
        );
        Self { argument: arguments.first().copied(), sentence }
    }

    fn or(mut self, more: &str) -> Self {
        self.sentence.push_str(more);
        self
    }
}

fn incomplete(row: &InputRow, because: &str, inputs: &Inputs, missing: Vec<Missing>) -> Diagnostic {
    let found = inputs.block.iter().chain(&inputs.environment).filter(|found| row.uses(found.input));
    let found = names(found.map(|found| found.name));
    let found = if found.is_empty() { "none of its inputs".to_owned() } else { found };
    let lacks: Vec<_> = missing.iter().map(|missing| format!("  - {}", missing.sentence)).collect();
    let diagnostic = Diagnostic::error(
        "Incomplete credentials for the KMS",
        format!(
            "The method `{}` is in use (because of `{because}`). Found: {found}. Missing:\n{}",
            row.method,
            lacks.join("\n")
        ),
    );
    match missing.iter().find_map(|missing| missing.argument) {
        Some(argument) => diagnostic.at(argument),
        None => diagnostic,
    }
}

fn two_methods<'a>(found: impl IntoIterator<Item = &'a InputValue>, place: &str) -> Diagnostic {
    // Inputs that one method can use are one side.
    let mut sides: Vec<(Vec<&'static InputRow>, Vec<&str>)> = Vec::new();
    for found in found {
        let using =
            |rows: &[&'static InputRow]| rows.iter().copied().filter(|row| row.uses(found.input)).collect::<Vec<_>>();
        match sides.iter_mut().find(|(rows, _)| rows.iter().any(|row| row.uses(found.input))) {
            Some((rows, inputs)) => {
                *rows = using(rows);
                inputs.push(found.name);
            }
            None => sides.push((using(&METHODS.iter().collect::<Vec<_>>()), vec![found.name])),
        }
    }
    let said = |(rows, inputs): (Vec<&InputRow>, Vec<&str>)| {
        format!("{} (because of {})", names_or(rows.iter().map(|row| row.method.name())), names(inputs))
    };
    let sides: Vec<_> = sides.into_iter().map(said).collect();
    Diagnostic::error(
        "Two authentication methods",
        format!(
            "More than one method is configured {place}: {}. Remove the inputs of all but one, or say which one to use with \
             {CHOOSERS}.",
            sides.join(", and ")
        ),
    )
}

fn contradiction(method: AuthMethod, variable: &str, found: &InputValue) -> Diagnostic {
    Diagnostic::error(
        "Two authentication methods",
        format!(
            "`{variable}` names the method `{method}`, which does not use the argument `{}`. Remove one of them, or say which \
             method to use with the argument `auth_method`.",
            found.name
        ),
    )
    .at(found.name)
}

fn undecided<'a>(rows: &[&InputRow], found: impl Iterator<Item = &'a InputValue>) -> Diagnostic {
    Diagnostic::error(
        "Which authentication method?",
        format!(
            "What is set ({}) can serve {}. Say which one to use with {CHOOSERS}.",
            names(found.map(|found| found.name)),
            names_or(rows.iter().map(|row| row.method.name()))
        ),
    )
    .at("auth_method")
}

const CHOOSERS: &str = "the argument `auth_method` or the environment variable `KMS_AUTH_METHOD`";

/// Names in a list: "`a`, `b`".
fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Names to choose from: "`a`, `b` or `c`".
fn names_or<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
