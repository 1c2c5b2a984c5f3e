//! Database and connection in one configuration: the recipes of the guide on validation, run.
//!
//! The resources of other providers stand for themselves as `terraform_data`, whose `output` is unknown until it is
//! created, as are the `id` of a role and the `result` of a generated password. What they make they really make: a
//! provisioner runs `psql` as the superuser.

use crate::support::scene::{PASSWORD, Scene};
use crate::support::terraform::Output;

const WARN: &str = "validation {\n    mode = \"warn\"\n  }";
const IN_THE_APPLY: &str = "validation {\n    mode = \"apply\"\n  }";

/// The end of a message about a cause that the same run removes.
const TOO_EARLY: &str = "If this run creates the role or the database, or changes this password, this login is too \
     early. In a plan, set `validation { mode = \"warn\" }` or use `KMS_VALIDATION=warn`; in an apply, refer to the resource that does so (`username = postgresql_role.x.name`), or add it to `depends_on`.";

/// A scene whose `role` and `database` do not exist yet.
struct Recipe {
    scene: Scene,
    role: String,
    database: String,
}

impl Recipe {
    fn new() -> Self {
        let mut scene = Scene::new();
        let (role, database) = (format!("{}_new", scene.role), format!("{}_new_database", scene.role));
        for (variable, value) in [
            ("PGHOST", "127.0.0.1".to_owned()),
            ("PGPORT", scene.postgres.port().to_string()),
            ("PGUSER", "postgres".to_owned()),
            ("PGPASSWORD", scene.postgres.superuser_password.clone()),
            ("PGDATABASE", "postgres".to_owned()),
        ] {
            scene.workspace.set(variable, &value);
        }
        Self { scene, role, database }
    }

    /// Writes resources, each with a name, an `input`, the SQL that creating it runs, and further lines. `$PASSWORD` in
    /// the SQL is the expression `password`.
    fn others(&self, password: &str, resources: &[(&str, &str, &str, &str)]) {
        let resource = |(name, input, sql, lines): &(&str, &str, &str, &str)| {
            format!(
                r#"resource "terraform_data" "{name}" {{
  input = {input:?}
  {lines}
  provisioner "local-exec" {{
    command     = "echo \"{sql}\" | psql -q -v ON_ERROR_STOP=1"
    environment = {{ PASSWORD = {password} }}
  }}
}}
"#
            )
        };
        self.scene.workspace.write("others.tf", &resources.iter().map(resource).collect::<String>());
    }

    /// A role and a database that this configuration makes.
    fn role_and_database(&self) {
        let role = format!("CREATE ROLE {} LOGIN PASSWORD '$PASSWORD'", self.role);
        let database = format!("CREATE DATABASE {}", self.database);
        let resources = [("role", &*self.role, &*role, ""), ("database", &*self.database, &*database, "")];
        self.others("var.password", &resources);
    }

    /// Role and database by name, with `changes`.
    fn by_name(&self, changes: &[(&str, &str)], lines: &str) {
        let (role, database) = (format!("{:?}", self.role), format!("{:?}", self.database));
        let mut all = vec![("username", &*role), ("database", &*database)];
        all.extend(changes);
        self.scene.configure_with(&all, lines);
    }

    /// Who came in as the new role, in order: the provider, or the KMS.
    fn visitors(&self) -> Vec<&'static str> {
        self.visitors_as(&self.role)
    }

    fn visitors_as(&self, role: &str) -> Vec<&'static str> {
        let log = self.scene.postgres.log();
        let came_in = format!("connection authorized: user={role} ");
        let lines = log.lines().filter(|line| line.contains(&came_in));
        lines.map(|line| if line.contains("terraform-provider-kms") { "provider" } else { "KMS" }).collect()
    }

    /// How many logins as the new role failed.
    fn turned_away(&self) -> usize {
        self.scene.postgres.log().matches(&format!("password authentication failed for user \"{}\"", self.role)).count()
    }

    /// The plan asks the database nothing, and the apply logs in before the KMS does.
    #[track_caller]
    fn passes_and_logs_in_during_the_apply(&self) {
        let plan = self.scene.workspace.plan().expect(2);
        assert!(!plan.text.contains("Warning: The database"), "{}", plan.text);
        assert_eq!((self.visitors(), self.turned_away()), (vec![], 0), "{}", plan.text);
        self.scene.workspace.apply().expect(0);
        assert_eq!((self.visitors(), self.turned_away()), (vec!["provider", "KMS"], 0));
        self.scene.is_settled();
    }

    fn plan_once_with(&self, mode: &str) -> Output {
        self.with_mode(mode, &["plan", "-no-color", "-detailed-exitcode"])
    }

    fn with_mode(&self, mode: &str, arguments: &[&str]) -> Output {
        self.with("KMS_VALIDATION", mode, arguments)
    }

    /// Runs a command with one more variable in its environment.
    fn with(&self, name: &str, value: &str, arguments: &[&str]) -> Output {
        let mut command = self.scene.workspace.command(arguments);
        let output = command.env(name, value).output().expect("terraform runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Output::new(output.status.code(), &text(&output.stdout), &text(&output.stderr))
    }
}

const APPLY: [&str; 3] = ["apply", "-no-color", "-auto-approve"];

#[test]
fn names_from_ids_of_role_and_database_order_the_run() {
    let recipe = Recipe::new();
    recipe.role_and_database();
    recipe
        .scene
        .configure(&[("username", "terraform_data.role.output"), ("database", "terraform_data.database.output")]);
    recipe.passes_and_logs_in_during_the_apply();
    assert_eq!(recipe.scene.stored()["credentials"]["database"], *recipe.database);
}

/// The login of the apply is one: what it refuses is not sent.
#[test]
fn apply_rejects_role_created_with_wrong_password() {
    let recipe = Recipe::new();
    let role = format!("CREATE ROLE {} NOLOGIN PASSWORD '$PASSWORD'", recipe.role);
    recipe.others("var.password", &[("role", &recipe.role, &role, "")]);
    recipe.scene.configure(&[("username", "terraform_data.role.output")]);
    recipe.scene.workspace.plan().expect(2);
    let apply = recipe.scene.workspace.apply().expect(1);
    apply.shows(&["Error: PostgreSQL login failed: ", "NOLOGIN", "No credentials were sent to the KMS."]);
    // The way that it names works.
    recipe.scene.postgres.sql(&format!("ALTER ROLE {} LOGIN", recipe.role));
    assert!(recipe.scene.bodies("POST", "/api/v1/app-connections").is_empty());
    recipe.scene.workspace.apply().expect(0);
}

#[test]
fn generated_password_needs_only_a_dependency() {
    let recipe = Recipe::new();
    let generated = "resource \"terraform_data\" \"generated\" {\n  input = \"gener4ted\"\n}\n";
    recipe.scene.workspace.write("generated.tf", generated);
    recipe.role_and_database();
    let role = format!("CREATE ROLE {} LOGIN PASSWORD '$PASSWORD'", recipe.role);
    recipe.others("terraform_data.generated.output", &[("role", &recipe.role, &role, "")]);
    let username = format!("{:?}", recipe.role);
    let password = [
        ("username", &*username),
        ("password_wo", "null"),
        ("password_wo_version", "null"),
        ("password", "terraform_data.generated.output"),
    ];
    // Without an order the apply may come too early; with only the connection as its target it surely does.
    recipe.scene.configure(&password);
    recipe.scene.workspace.plan().expect(2);
    let target = ["-target=kms_postgres_connection.orders"];
    let apply = recipe.scene.workspace.run(&[&APPLY[..], &target].concat()).expect(1);
    apply.shows(&[TOO_EARLY]);
    assert!(recipe.scene.kms.connections().is_empty());

    let ordered = [&password[..], &[("depends_on", "[terraform_data.role]")]].concat();
    recipe.scene.configure(&ordered);
    // By now the password is known, and the role still does not exist.
    recipe.scene.workspace.plan().fails(&[TOO_EARLY]);
    recipe.with_mode("warn", &APPLY).expect(0);
    recipe.scene.is_settled();

    // From the beginning, nothing has to be set.
    recipe.scene.workspace.destroy().expect(0);
    recipe.scene.postgres.sql(&format!("DROP ROLE {}", recipe.role));
    let before = recipe.turned_away();
    recipe.scene.workspace.plan().expect(2);
    recipe.scene.workspace.apply().expect(0);
    assert_eq!(recipe.turned_away(), before);
    assert_eq!(recipe.scene.stored()["credentials"]["password"], "gener4ted");
}

#[test]
fn ephemeral_password_needs_mode_apply_and_a_shared_version() {
    let recipe = Recipe::new();
    let role = recipe.scene.role.clone();
    let consumers = |version: u32, lines: &str| {
        let sql = format!("ALTER ROLE {role} PASSWORD '$PASSWORD'");
        let version_local = format!("locals {{\n  password_version = {version}\n}}\n");
        recipe.scene.workspace.write("version.tf", &version_local);
        recipe.others("var.password", &[("role", &role, &sql, "triggers_replace = local.password_version")]);
        let changes = [("password_wo_version", "local.password_version"), ("depends_on", "[terraform_data.role]")];
        recipe.scene.configure_with(&changes, lines);
    };
    let value = |password: &str, arguments: &[&str]| recipe.with("TF_VAR_password", password, arguments);
    const PLAN: [&str; 4] = ["plan", "-no-color", "-detailed-exitcode", "-out=saved"];

    consumers(1, "");
    let plan = value("ephemeral-0", &PLAN).expect(1);
    plan.shows(&[TOO_EARLY, "For an ephemeral password, which differs in every plan, use `mode = \"apply\"`."]);

    // Each plan has a value of its own, and so has each apply.
    for version in [1, 2] {
        consumers(version, IN_THE_APPLY);
        let (planned, applied) = (format!("ephemeral-{version}a"), format!("ephemeral-{version}b"));
        let before = recipe.visitors_as(&role).len();
        value(&planned, &PLAN).expect(2);
        assert_eq!(recipe.visitors_as(&role).len(), before);
        value(&applied, &["apply", "-no-color", "saved"]).expect(0);
        assert_eq!(recipe.visitors_as(&role)[before..], ["provider", "KMS"]);
        assert_eq!(recipe.scene.stored()["credentials"]["password"], *applied);
        value("ephemeral-next", &PLAN).expect(0);
    }
    assert_eq!(recipe.scene.workspace.files_with("ephemeral-"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn allows_server_created_in_the_same_run() {
    let recipe = Recipe::new();
    let role = format!("CREATE ROLE {} LOGIN PASSWORD '$PASSWORD'", recipe.role);
    recipe.others("var.password", &[("instance", "localhost", &role, "")]);
    let username = format!("{:?}", recipe.role);
    recipe.scene.configure(&[("username", &username), ("host", "terraform_data.instance.output")]);
    recipe.passes_and_logs_in_during_the_apply();
}

/// The same, where the unknown part is the way to the server.
#[test]
fn allows_tunnel_created_in_the_same_run() {
    let recipe = Recipe::new();
    let role = format!("CREATE ROLE {} LOGIN PASSWORD '$PASSWORD'", recipe.role);
    let address = format!("127.0.0.1:{}", recipe.scene.postgres.port());
    recipe.others("var.password", &[("tunnel", &address, &role, "")]);
    let username = format!("{:?}", recipe.role);
    let lines = "validation {\n    address = terraform_data.tunnel.output\n  }";
    recipe.scene.configure_with(&[("username", &username)], lines);
    recipe.passes_and_logs_in_during_the_apply();
}

/// Names that are written out are known in the plan, which then comes before what this run makes.
#[test]
fn rejects_what_the_run_would_fix_and_names_alternatives() {
    let order = [("depends_on", "[terraform_data.role, terraform_data.database]")];
    let refused = |recipe: &Recipe| {
        recipe.role_and_database();
        recipe.by_name(&order, "");
        recipe.scene.workspace.plan().fails(&[
            "Error: PostgreSQL login failed: password rejected",
            "SQLSTATE 28P01",
            TOO_EARLY,
        ]);
    };
    let would_stop = "Warning: PostgreSQL login failed: password rejected (orders-db)";
    let succeeds_in_order = "If this run creates the role or the database, or changes this password, the apply succeeds if \
         that comes first: refer to the resource that does so (`username = postgresql_role.x.name`), or add it to `depends_on`.";

    // `mode = "warn"`.
    let recipe = Recipe::new();
    refused(&recipe);
    recipe.by_name(&order, WARN);
    recipe.scene.workspace.plan().expect(2).shows(&[would_stop, succeeds_in_order]);
    recipe.scene.workspace.apply().expect(0);
    recipe.scene.is_settled();

    // The same for one run.
    let recipe = Recipe::new();
    refused(&recipe);
    recipe.plan_once_with("warn").expect(2).shows(&[would_stop]);
    recipe.with_mode("warn", &APPLY).expect(0);
    recipe.scene.is_settled();

    // Without this login, once.
    let recipe = Recipe::new();
    refused(&recipe);
    let turned_away = recipe.turned_away();
    recipe.plan_once_with("apply").expect(2);
    recipe.with_mode("apply", &APPLY).expect(0);
    assert_eq!((recipe.visitors(), recipe.turned_away()), (vec!["provider", "KMS"], turned_away));

    // Names from the resources, which are unknown until then.
    let recipe = Recipe::new();
    refused(&recipe);
    recipe
        .scene
        .configure(&[("username", "terraform_data.role.output"), ("database", "terraform_data.database.output")]);
    recipe.scene.workspace.apply().expect(0);
    recipe.scene.is_settled();
}

/// What is said of a missing database, of a role that may not log in and of a missing privilege ends in the same way.
#[test]
fn each_fixable_rejection_names_alternatives() {
    let recipe = Recipe::new();
    let role = &recipe.scene.role;
    let sql = |statement: &str| drop(recipe.scene.postgres.sql(statement));
    let missing = format!("{:?}", recipe.database);
    let database = format!("{role}_database");
    let own = format!("{database:?}");
    sql(&format!("CREATE DATABASE {database}"));
    let revoke = format!("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC");
    for (statement, changes, sqlstate) in [
        (String::new(), &[("database", &*missing)][..], "3D000"),
        (revoke, &[("database", &*own)], "42501"),
        (format!("ALTER ROLE {role} NOLOGIN"), &[], "28000"),
        (
            format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false; ALTER ROLE {role} LOGIN"),
            &[("database", &*own)],
            "55000",
        ),
    ] {
        if !statement.is_empty() {
            sql(&statement);
        }
        recipe.scene.configure(changes);
        recipe.scene.workspace.plan().fails(&[&format!("(SQLSTATE {sqlstate})"), TOO_EARLY]);
    }
    assert!(recipe.scene.workspace.files_with(PASSWORD).is_empty());
}

/// During an apply the servers change: a failed login of more than ten seconds ago is repeated for a later resource.
#[test]
fn apply_repeats_refused_login_for_a_later_resource() {
    let mut recipe = Recipe::new();
    recipe.scene.workspace.set("TF_VAR_password", "the-new-password");
    let (role, database) = (recipe.scene.role.clone(), recipe.scene.database.clone());
    let sql = format!("SELECT pg_sleep(12); ALTER ROLE {role} PASSWORD '$PASSWORD'");
    recipe.others("var.password", &[("password", "x", &sql, "")]);
    let port = recipe.scene.postgres.port();
    let early = format!(
        r#"resource "kms_postgres_connection" "early" {{
  name            = "early"
  host            = "localhost"
  port            = {port}
  database        = {database:?}
  username        = {role:?}
  password_wo     = var.password
  ssl_certificate = file("ca.pem")
  validation {{
    mode = "apply"
  }}
}}
"#
    );
    recipe.scene.workspace.write("early.tf", &early);
    recipe
        .scene
        .configure_with(&[("depends_on", "[terraform_data.password]")], "validation {\n    mode = \"apply\"\n  }");
    let apply = recipe.scene.workspace.apply().expect(1);
    apply.shows(&["28P01", "kms_postgres_connection.early"]);
    assert_eq!(recipe.scene.stored()["name"], "orders-db", "{}", apply.text);
    assert_eq!(recipe.visitors_as(&role), ["provider", "KMS"]);
    let refused = format!("password authentication failed for user \"{role}\"");
    assert_eq!(recipe.scene.postgres.log().matches(&refused).count(), 1);
}
