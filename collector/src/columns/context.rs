//! Resource and instrumentation scope: read once, one run of equal rows in each of their columns.

use std::fmt::Write;

use arrow::array::ArrayRef;
use proto::value::write_json_string;

use super::ConvertError;
use super::builders::{Nullable, WordBuilder};
use super::values::{KeyValue, Value, write_attributes};
use super::wire::{Field, Reader};

/// The attribute that names the service.
const SERVICE_NAME: &str = "service.name";

/// What a `ResourceSpans` or `ResourceLogs` says besides its records.
pub(super) struct Resource<'a> {
    /// Empty when there is no such attribute or its value is not a text.
    service: &'a str,
    /// JSON object of the attributes.
    json: String,
    /// Members of the context's JSON object, without braces; empty when there are none.
    context: String,
}

impl<'a> Resource<'a> {
    pub(super) fn read(message: &'a [u8]) -> Result<Self, ConvertError> {
        let mut attributes = Attributed::default();
        let mut entity_refs = Vec::new();
        let mut schema_url = "";
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => {
                    let mut resource = Reader::new(field.bytes("resource")?);
                    while let Some(field) = resource.next_field()? {
                        match field.number {
                            1 => attributes.add(field, "Resource.attributes")?,
                            2 => attributes.dropped = field.uint32("Resource.dropped_attributes_count")?,
                            3 => entity_refs.push(field.bytes("Resource.entity_refs")?),
                            _ => {}
                        }
                    }
                }
                3 => schema_url = field.text("schema_url of the resource")?,
                _ => {}
            }
        }
        let service = attributes.list.iter().find(|attribute| attribute.key == SERVICE_NAME);
        let service = service.map_or("", |attribute| match attribute.value {
            Value::Text(text) => text,
            _ => "",
        });
        let mut json = String::new();
        write_attributes(&mut json, &attributes.list)?;
        let mut context = Members::default();
        context.count("resource_dropped_attributes_count", attributes.dropped);
        context.text("resource_schema_url", schema_url);
        if !entity_refs.is_empty() {
            write_entity_refs(context.key("resource_entity_refs"), &entity_refs)?;
        }
        Ok(Self { service, json, context: context.json })
    }
}

/// What a `ScopeSpans` or `ScopeLogs` says besides its records.
pub(super) struct Scope<'a> {
    name: &'a str,
    version: &'a str,
    context: String,
}

impl<'a> Scope<'a> {
    pub(super) fn read(message: &'a [u8]) -> Result<Self, ConvertError> {
        let (mut name, mut version, mut schema_url) = ("", "", "");
        let mut attributes = Attributed::default();
        let mut present = false;
        let mut reader = Reader::new(message);
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => {
                    present = true;
                    let mut scope = Reader::new(field.bytes("scope")?);
                    while let Some(field) = scope.next_field()? {
                        match field.number {
                            1 => name = field.text("InstrumentationScope.name")?,
                            2 => version = field.text("InstrumentationScope.version")?,
                            3 => attributes.add(field, "InstrumentationScope.attributes")?,
                            4 => attributes.dropped = field.uint32("InstrumentationScope.dropped_attributes_count")?,
                            _ => {}
                        }
                    }
                }
                3 => schema_url = field.text("schema_url of the scope")?,
                _ => {}
            }
        }
        let mut context = Members::default();
        if !attributes.list.is_empty() {
            write_attributes(context.key("scope_attributes"), &attributes.list)?;
        }
        context.count("scope_dropped_attributes_count", attributes.dropped);
        context.text("scope_schema_url", schema_url);
        if !present {
            context.key("scope_present").push_str("false");
        }
        Ok(Self { name, version, context: context.json })
    }
}

#[derive(Default)]
struct Attributed<'a> {
    list: Vec<KeyValue<'a>>,
    dropped: u32,
}

impl<'a> Attributed<'a> {
    fn add(&mut self, field: Field<'a>, name: &'static str) -> Result<(), ConvertError> {
        self.list.push(KeyValue::read(field.bytes(name)?)?);
        Ok(())
    }
}

/// Members of a JSON object, comma-separated.
#[derive(Default)]
struct Members {
    json: String,
}

impl Members {
    /// Begins a member; the caller appends its value.
    fn key(&mut self, key: &str) -> &mut String {
        if !self.json.is_empty() {
            self.json.push(',');
        }
        write_json_string(&mut self.json, key);
        self.json.push(':');
        &mut self.json
    }

    fn count(&mut self, key: &str, count: u32) {
        if count != 0 {
            write!(self.key(key), "{count}").expect("writing to a String cannot fail");
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            write_json_string(self.key(key), text);
        }
    }
}

/// As OTLP/JSON has them, every field written.
fn write_entity_refs(out: &mut String, entity_refs: &[&[u8]]) -> Result<(), ConvertError> {
    out.push('[');
    for (i, entity_ref) in entity_refs.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        let (mut schema_url, mut kind) = ("", "");
        let (mut id_keys, mut description_keys) = (Vec::new(), Vec::new());
        let mut reader = Reader::new(entity_ref);
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => schema_url = field.text("EntityRef.schema_url")?,
                2 => kind = field.text("EntityRef.type")?,
                3 => id_keys.push(field.text("EntityRef.id_keys")?),
                4 => description_keys.push(field.text("EntityRef.description_keys")?),
                _ => {}
            }
        }
        out.push_str("{\"schemaUrl\":");
        write_json_string(out, schema_url);
        out.push_str(",\"type\":");
        write_json_string(out, kind);
        out.push_str(",\"idKeys\":");
        write_texts(out, &id_keys);
        out.push_str(",\"descriptionKeys\":");
        write_texts(out, &description_keys);
        out.push('}');
    }
    out.push(']');
    Ok(())
}

fn write_texts(out: &mut String, texts: &[&str]) {
    out.push('[');
    for (i, text) in texts.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_json_string(out, text);
    }
    out.push(']');
}

/// The columns `service`, `scope_name`, `scope_version`, `resource` and `context`.
pub(super) struct ContextColumns {
    columns: [WordBuilder; 5],
}

impl Default for ContextColumns {
    fn default() -> Self {
        Self { columns: std::array::from_fn(|_| WordBuilder::with_capacity(0, 0, 0)) }
    }
}

impl ContextColumns {
    /// For the next `rows` rows.
    pub(super) fn append(&mut self, resource: &Resource<'_>, scope: &Scope<'_>, rows: usize) {
        let mut context = String::new();
        if !resource.context.is_empty() || !scope.context.is_empty() {
            let comma = if resource.context.is_empty() || scope.context.is_empty() { "" } else { "," };
            context = format!("{{{}{comma}{}}}", resource.context, scope.context);
        }
        let [service, scope_name, scope_version, resource_column, context_column] = &mut self.columns;
        service.append_values(resource.service, rows);
        append_or_null(scope_name, scope.name, rows);
        append_or_null(scope_version, scope.version, rows);
        resource_column.append_values(&resource.json, rows);
        append_or_null(context_column, &context, rows);
    }

    pub(super) fn finish(self) -> [ArrayRef; 5] {
        self.columns.map(Nullable::into_array)
    }
}

fn append_or_null(column: &mut WordBuilder, text: &str, rows: usize) {
    if text.is_empty() {
        column.append_nulls(rows);
    } else {
        column.append_values(text, rows);
    }
}
