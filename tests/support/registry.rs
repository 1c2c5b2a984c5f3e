//! Renders the pages of the registry from the schemas and the examples, in the registry's own layout.

use std::fmt::Write as _;

use terraform_provider_kms::terraform::function::Function;
use terraform_provider_kms::terraform::schema::{Attribute, Block, NestedBlock, Presence, Schema};
use terraform_provider_kms::terraform::types::Type;

/// One page below `docs/`.
pub(crate) struct Page<'a> {
    /// For the browser's title.
    pub(crate) title: &'a str,
    /// The heading.
    pub(crate) heading: &'a str,
    /// What the page describes.
    pub(crate) schema: &'a Schema,
    /// The example, in HCL.
    pub(crate) example: &'a str,
    /// How to install what the page describes, in Markdown, if that stands here.
    pub(crate) installation: Option<&'a str>,
    /// The import commands, if it can be imported.
    pub(crate) import: Option<&'a str>,
}

impl Page<'_> {
    /// Returns the page in Markdown.
    pub(crate) fn render(&self) -> String {
        let description = &self.schema.block.description;
        let mut page = format!(
            "---\npage_title: \"{}\"\nsubcategory: \"\"\ndescription: |-\n  {description}\n---\n\n# {}\n\n{description}\n\n\
             ## Example Usage\n\n```terraform\n{}\n```\n",
            self.title,
            self.heading,
            self.example.trim_end()
        );
        if let Some(installation) = self.installation {
            write!(page, "\n## Installation\n\n{}\n", installation.trim_end()).expect("a String takes everything");
        }
        page.push_str("\n## Schema\n");
        content(&self.schema.block, &mut page);
        for nested in &self.schema.block.blocks {
            let NestedBlock { name, block, .. } = nested;
            write!(
                page,
                "\n<a id=\"nestedblock--{name}\"></a>\n### Nested Schema for `{name}`\n\n{}\n",
                block.description
            )
            .expect("a String takes everything");
            content(block, &mut page);
        }
        if let Some(import) = self.import {
            write!(page, "\n## Import\n\n```shell\n{}\n```\n", import.trim_end()).expect("a String takes everything");
        }
        page
    }
}

/// Returns the page of a function, with its example in HCL.
pub(crate) fn function_page(function: &dyn Function, example: &str) -> String {
    let (name, signature) = (function.name(), function.signature());
    let parameters = signature.parameters.iter();
    let typed = parameters.map(|parameter| format!("{} {}", parameter.name, type_name(&parameter.ty).to_lowercase()));
    let arguments = signature.parameters.iter().enumerate().map(|(index, parameter)| {
        format!("{}. `{}` ({}) {}", index + 1, parameter.name, type_name(&parameter.ty), parameter.description)
    });
    format!(
        "---\npage_title: \"{name} function - kms\"\nsubcategory: \"\"\ndescription: |-\n  {}\n---\n\n# function: {name}\n\n{}\n\n\
         ## Example Usage\n\n```terraform\n{}\n```\n\n## Signature\n\n```text\n{name}({}) {}\n```\n\n## Arguments\n\n{}\n",
        signature.summary,
        signature.description,
        example.trim_end(),
        typed.collect::<Vec<_>>().join(", "),
        type_name(&signature.returns).to_lowercase(),
        arguments.collect::<Vec<_>>().join("\n")
    )
}

fn content(block: &Block, page: &mut String) {
    type Belongs = fn(&Attribute) -> bool;
    let groups: [(&str, Belongs); 3] = [
        ("Required", |attribute| attribute.presence == Presence::Required),
        ("Optional", |attribute| matches!(attribute.presence, Presence::Optional | Presence::OptionalComputed)),
        ("Read-Only", |attribute| attribute.presence == Presence::Computed),
    ];
    for (heading, belongs) in groups {
        let mut rows: Vec<String> = block.attributes.iter().filter(|attribute| belongs(attribute)).map(row).collect();
        if heading == "Optional" {
            rows.extend(block.blocks.iter().map(|NestedBlock { name, .. }| {
                format!("- `{name}` (Block, at most one) See [below](#nestedblock--{name}).")
            }));
        }
        if !rows.is_empty() {
            write!(page, "\n### {heading}\n\n{}\n", rows.join("\n")).expect("a String takes everything");
        }
    }
}

fn row(attribute: &Attribute) -> String {
    let mut kind = vec![type_name(&attribute.ty)];
    kind.extend(attribute.sensitive.then(|| "Sensitive".to_owned()));
    kind.extend(attribute.write_only.then(|| "Write-only".to_owned()));
    format!("- `{}` ({}) {}", attribute.name, kind.join(", "), attribute.description)
}

fn type_name(of: &Type) -> String {
    match of {
        Type::Bool => "Boolean".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::String => "String".to_owned(),
        Type::List(of) => format!("List of {}", type_name(of)),
        Type::Map(of) => format!("Map of {}", type_name(of)),
        Type::Object(_) => "Object".to_owned(),
    }
}
