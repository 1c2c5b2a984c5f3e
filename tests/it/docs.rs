//! The pages under `docs/` match the schemas, and every example is a valid configuration.

use std::fs;
use std::path::{Path, PathBuf};

use terraform_provider_kms::kms::AuthMethod;
use terraform_provider_kms::provider::Kms;
use terraform_provider_kms::terraform::provider::Provider;
use terraform_provider_kms::terraform::schema::Schema;

use crate::support::kms::Options;
use crate::support::registry::{Page, function_page};
use crate::support::scene::Scene;
use crate::support::workspace;

/// Set to write the pages instead of comparing them.
const UPDATE: &str = "UPDATE_DOCS";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn pages() -> Vec<(PathBuf, String)> {
    let schema = Kms.schema();
    let example = read("examples/provider/provider.tf");
    let installation = read("examples/provider/installation.md");
    let provider = Page {
        title: "kms Provider",
        heading: "kms Provider",
        schema: &schema,
        example: &example,
        installation: Some(&installation),
        import: None,
    };
    let mut pages = vec![(root().join("docs/index.md"), provider.render())];
    for resource in Kms.resources() {
        let name = resource.name();
        let schema = resource.schema();
        let page = Page {
            title: &format!("{name} Resource - kms"),
            heading: &format!("{name} (Resource)"),
            schema: &schema,
            example: &read(&format!("examples/resources/{name}/resource.tf")),
            installation: None,
            import: Some(&read(&format!("examples/resources/{name}/import.sh"))),
        };
        let file = name.strip_prefix("kms_").expect("the prefix of the provider");
        pages.push((root().join(format!("docs/resources/{file}.md")), page.render()));
    }
    let data_sources = Kms.data_sources().into_iter().map(|item| (item.name(), item.schema()));
    for (name, schema) in data_sources {
        pages.push(reading("Data Source", "data-sources", "data-source", name, &schema));
    }
    let ephemeral = Kms.ephemeral_resources().into_iter().map(|item| (item.name(), item.schema()));
    for (name, schema) in ephemeral {
        pages.push(reading("Ephemeral Resource", "ephemeral-resources", "ephemeral-resource", name, &schema));
    }
    for function in Kms.functions() {
        let name = function.name();
        let example = read(&format!("examples/functions/{name}/function.tf"));
        pages.push((root().join(format!("docs/functions/{name}.md")), function_page(&*function, &example)));
    }
    pages
}

/// The page of something that reads: its kind in words, the folder of both page and example, the name of the example.
fn reading(kind: &str, folder: &str, file: &str, name: &str, schema: &Schema) -> (PathBuf, String) {
    let page = Page {
        title: &format!("{name} {kind} - kms"),
        heading: &format!("{name} ({kind})"),
        schema,
        example: &read(&format!("examples/{folder}/{name}/{file}.tf")),
        installation: None,
        import: None,
    };
    let short = name.strip_prefix("kms_").expect("the prefix of the provider");
    (root().join(format!("docs/{folder}/{short}.md")), page.render())
}

#[test]
fn registry_pages_match_the_schemas() {
    for (path, page) in pages() {
        if std::env::var_os(UPDATE).is_some() {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a writable docs folder");
            fs::write(&path, &page).expect("a writable docs folder");
        }
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == page, "{} is out of date: run `{UPDATE}=1 cargo test docs`", path.display());
    }
}

#[test]
fn every_example_is_valid() {
    let mut folders = vec![root().join("examples")];
    let mut checked = 0;
    while let Some(folder) = folders.pop() {
        let entries: Vec<_> = fs::read_dir(&folder).expect("a readable folder").flatten().collect();
        folders.extend(entries.iter().filter(|entry| entry.path().is_dir()).map(fs::DirEntry::path));
        let files: Vec<_> = entries
            .iter()
            .map(fs::DirEntry::path)
            .filter(|path| path.extension().is_some_and(|end| end == "tf"))
            .collect();
        if files.is_empty() {
            continue;
        }
        let texts = files.iter().map(|file| fs::read_to_string(file).expect("a readable example"));
        valid(&texts.collect::<String>());
        checked += 1;
    }
    assert!(checked >= 2, "only {checked} example folders were found");
}

#[test]
fn every_configuration_in_documents_is_valid() {
    let guides = fs::read_dir(root().join("docs/guides")).expect("the guides").flatten().map(|entry| entry.path());
    let mut blocks = 0;
    for text in guides.chain([root().join("README.md")]) {
        for block in configurations(&fs::read_to_string(&text).expect("a readable text")) {
            valid(&block);
            blocks += 1;
        }
    }
    assert!(blocks >= 2, "only {blocks} configurations were found");
}

#[test]
fn authentication_guide_shows_every_method() {
    let guide = read("docs/guides/authentication.md");
    for method in AuthMethod::ALL {
        let section = guide.split("\n## ").find(|section| section.starts_with(&format!("`{method}`")));
        let blocks = configurations(section.unwrap_or_else(|| panic!("`{method}` has no section")));
        assert_eq!(blocks.len(), 1, "`{method}` has no block");
    }
}

#[test]
fn first_connection_of_the_readme_works() {
    let scene = Scene::with(Options { log_in: false, ..Options::default() });
    let first = configurations(&read("README.md")).into_iter().next().expect("a configuration");
    let here = first.replace("https://app.kms.hanzo.ai", &scene.kms.url());
    assert_ne!(first, here);
    // The scene brings files of its own.
    for name in ["versions.tf", "variables.tf"] {
        scene.workspace.write(name, "");
    }
    scene.workspace.write("main.tf", &here);
    let apply = scene.workspace.run(&["apply", "-no-color", "-auto-approve", "-var=db_password=x"]).expect(0);
    // `db.example.com` has no address anywhere, which is a warning.
    apply.shows(&["1 added", "PostgreSQL server not reachable: host not found"]);
}

/// The blocks of a Markdown text that are complete configurations. Parts of one are marked as `hcl`.
fn configurations(text: &str) -> Vec<String> {
    let blocks = text.split("```terraform\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// Asserts that Terraform finds a configuration valid.
fn valid(configuration: &str) {
    let workspace = workspace();
    let mut configuration = configuration.to_owned();
    if !configuration.contains("required_providers") {
        workspace.write("versions.tf", crate::support::REQUIRED_PROVIDERS);
    }
    // Examples refer to what their readers have.
    for name in ["project_id", "db_password", "client_secret"] {
        if configuration.contains(&format!("var.{name}")) && !configuration.contains(&format!("variable \"{name}\"")) {
            configuration +=
                &format!("\nvariable \"{name}\" {{\n  type = string\n  ephemeral = {}\n}}\n", name != "project_id");
        }
    }
    workspace.write("ca.pem", crate::support::CA_CERTIFICATE);
    workspace.write("main.tf", &configuration);
    workspace.run(&["validate", "-no-color"]).expect(0).shows(&["The configuration is valid"]);
}
