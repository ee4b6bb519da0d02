//! `attributes['k']`: `attribute(attributes, 'k')`, and the values that `attributes` and `resource` stand for in SQL.
//!
//! In SQL `attributes` is one map. In the files it is a map and forty typed columns. The view builds the whole map only
//! when it is asked for as a whole; [`fold`] turns an access to one key into the one column (and that of the
//! conflicts, for the values that do not fit into it) or the map.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, MapArray, MapBuilder, MapFieldNames, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{exec_datafusion_err, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::{coalesce, nullif};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExpressionPlacement, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    cast as cast_expr, lit,
};
use proto::promoted::{ColumnKind, Promoted};
use proto::value::{attribute_text, read_json_attributes, write_json_string};
use proto::{Signal, schema};

use super::number::{integer, number};

const SERVICE_NAME: &str = "service.name";

static ATTRIBUTE: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(Attribute::new())));

/// `attribute(map, key)`: the value as text. The map may also be the text of a JSON object.
pub(crate) fn attribute() -> Arc<ScalarUDF> {
    Arc::clone(&ATTRIBUTE)
}

pub(crate) fn attribute_call(map: Expr, key: Expr) -> Expr {
    attribute().call(vec![map, key])
}

/// Whether an expression is `attribute(...)`, whatever its name in the answer.
pub(super) fn is_attribute(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => call.func.inner().is::<Attribute>(),
        Expr::Alias(alias) => is_attribute(&alias.expr),
        _ => false,
    }
}

/// The type of `attributes` and `resource` in SQL: `Map<Utf8, Utf8>`.
pub(crate) fn map_type() -> DataType {
    let spans = Signal::Spans.schema();
    spans.field_with_name(schema::ATTRIBUTES).expect("both signals have attributes").data_type().clone()
}

fn promoted(signal: Signal) -> &'static [Promoted] {
    signal.spec().promoted
}

fn map_builder() -> MapBuilder<StringBuilder, StringBuilder> {
    let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
    let entries = schema::map_entry_fields();
    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
        .with_keys_field(Arc::clone(&entries[0]))
        .with_values_field(Arc::clone(&entries[1]))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Attribute {
    signature: Signature,
}

impl Attribute {
    fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => value.is_string(),
        other => other.is_string() || other.is_null(),
    }
}

fn is_text_map(data_type: &DataType) -> bool {
    let DataType::Map(entries, _) = data_type else { return false };
    let DataType::Struct(fields) = entries.data_type() else { return false };
    fields.len() == 2 && fields.iter().all(|field| *field.data_type() == DataType::Utf8)
}

impl ScalarUDFImpl for Attribute {
    fn name(&self) -> &str {
        "attribute"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        match args {
            [map, Expr::Literal(key, _)] => Ok(format!("{}['{key}']", map.schema_name())),
            [map, key] => Ok(format!("{}[{}]", map.schema_name(), key.schema_name())),
            _ => plan_err!("attribute(map, key) takes two arguments"),
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [map, key] = arg_types else {
            return plan_err!("attribute(map, key) takes two arguments, got {}", arg_types.len());
        };
        if !is_text(key) {
            return plan_err!("attribute(map, key): the key must be text, got {key}");
        }
        let map = match map {
            DataType::Dictionary(key, value) if **key == DataType::Int32 && **value == DataType::Utf8 => map.clone(),
            map if is_text(map) => DataType::Utf8,
            map if is_text_map(map) => map.clone(),
            other => return plan_err!("attribute(map, key): expected attributes or a resource, got {other}"),
        };
        Ok(vec![map, DataType::Utf8])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [map, key] = args.args.as_slice() else {
            return exec_err!("attribute(map, key) takes two arguments");
        };
        let map = map.to_array(args.number_rows)?;
        let keys = match key {
            ColumnarValue::Scalar(key) => match key.try_as_str().flatten() {
                Some(key) => Keys::Same(key),
                None => return Ok(ColumnarValue::Array(Arc::new(StringArray::new_null(map.len())))),
            },
            ColumnarValue::Array(keys) => Keys::PerRow(keys.as_string()),
        };
        Ok(ColumnarValue::Array(look_up(&map, &keys)?))
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        match args {
            // Down to the scan, so that only this value travels and only its column is read.
            [ExpressionPlacement::Column, ExpressionPlacement::Literal] => ExpressionPlacement::MoveTowardsLeafNodes,
            _ => ExpressionPlacement::KeepInPlace,
        }
    }
}

enum Keys<'a> {
    Same(&'a str),
    PerRow(&'a StringArray),
}

impl Keys<'_> {
    fn of_row(&self, row: usize) -> Option<&str> {
        match self {
            Keys::Same(key) => Some(key),
            Keys::PerRow(keys) => keys.is_valid(row).then(|| keys.value(row)),
        }
    }
}

fn look_up(map: &ArrayRef, keys: &Keys) -> Result<ArrayRef> {
    if let Some(map) = map.as_map_opt() {
        return Ok(Arc::new(look_up_in_map(map, keys)?));
    }
    if let (Some(dictionary), Keys::Same(key)) = (map.as_dictionary_opt::<Int32Type>(), keys) {
        let wanted = JsonKey::new(key);
        let texts: StringArray =
            dictionary.values().as_string::<i32>().iter().map(|text| wanted.look_up(text?)).collect();
        return Ok(arrow::compute::take(&texts, dictionary.keys(), None)?);
    }
    let texts = cast(map, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let values: StringArray = (0..texts.len())
        .map(|row| if texts.is_valid(row) { JsonKey::new(keys.of_row(row)?).look_up(texts.value(row)) } else { None })
        .collect();
    Ok(Arc::new(values))
}

fn look_up_in_map(map: &MapArray, keys: &Keys) -> Result<StringArray> {
    let Some(map_keys) = map.keys().as_string_opt::<i32>() else {
        return exec_err!("attribute(): keys of type {}", map.keys().data_type());
    };
    let Some(map_values) = map.values().as_string_opt::<i32>() else {
        return exec_err!("attribute(): values of type {}", map.values().data_type());
    };
    let offsets = map.value_offsets();
    let mut found = StringBuilder::new();
    for row in 0..map.len() {
        let entry = keys.of_row(row).filter(|_| map.is_valid(row)).and_then(|key| {
            let entries = offsets[row] as usize..offsets[row + 1] as usize;
            entries.into_iter().find(|entry| map_keys.value(*entry) == key)
        });
        match entry {
            Some(entry) if map_values.is_valid(entry) => found.append_value(map_values.value(entry)),
            _ => found.append_null(),
        }
    }
    Ok(found.finish())
}

/// A key that is looked up in JSON objects.
struct JsonKey<'a> {
    key: &'a str,
    /// As it is written in them.
    json: String,
}

impl<'a> JsonKey<'a> {
    fn new(key: &'a str) -> Self {
        let mut json = String::new();
        write_json_string(&mut json, key);
        Self { key, json }
    }

    /// A value as `attributes['k']` shows it: a string as itself, any other value as JSON. Most objects have no such key,
    /// and are not parsed.
    fn look_up(&self, object: &str) -> Option<String> {
        if !object.contains(&self.json) {
            return None;
        }
        let attributes = read_json_attributes(object).ok()?;
        let found = attributes.into_iter().find(|attribute| attribute.key == self.key);
        found.map(|attribute| attribute_text(attribute.value))
    }
}

/// Appends the entries of a JSON object to a map under construction.
pub(super) fn json_entries(text: &str) -> impl Iterator<Item = (String, String)> {
    let attributes = read_json_attributes(text).unwrap_or_default();
    attributes.into_iter().map(|attribute| (attribute.key, attribute_text(attribute.value)))
}

/// JSON object texts as maps; null becomes an empty map.
pub(super) fn json_maps(texts: &ArrayRef) -> Result<ArrayRef> {
    if let Some(dictionary) = texts.as_dictionary_opt::<Int32Type>() {
        let maps = json_maps(dictionary.values())?;
        return Ok(arrow::compute::take(&maps, dictionary.keys(), None)?);
    }
    let texts = cast(texts, &DataType::Utf8)?;
    let mut maps = map_builder();
    for text in texts.as_string::<i32>() {
        for (key, value) in text.into_iter().flat_map(json_entries) {
            maps.keys().append_value(key);
            maps.values().append_value(value);
        }
        maps.append(true)?;
    }
    Ok(Arc::new(maps.finish()))
}

/// What `attributes` or `resource` is in a view: a function of physical columns that is evaluated only when the whole
/// value is wanted.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct AttributesView {
    /// `None` for `resource`.
    signal: Option<Signal>,
    signature: Signature,
}

static SPAN_VIEW: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| AttributesView::udf(Some(Signal::Spans)));
static LOG_VIEW: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| AttributesView::udf(Some(Signal::Logs)));
static RESOURCE_VIEW: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| AttributesView::udf(None));

impl AttributesView {
    fn udf(signal: Option<Signal>) -> Arc<ScalarUDF> {
        let signature = Signature::variadic_any(Volatility::Immutable);
        Arc::new(ScalarUDF::from(AttributesView { signal, signature }))
    }

    /// The attributes of a row: `column` makes an expression of a physical column's name.
    pub(crate) fn attributes(signal: Signal, column: impl Fn(&'static str) -> Expr) -> Expr {
        let view = match signal {
            Signal::Spans => &SPAN_VIEW,
            Signal::Logs => &LOG_VIEW,
        };
        let mut args = vec![column(schema::ATTRIBUTES)];
        args.push(column(schema::ATTRIBUTE_CONFLICTS));
        args.extend(promoted(signal).iter().map(|promoted| column(promoted.column)));
        view.call(args)
    }

    /// The resource of a row.
    pub(crate) fn resource(column: impl Fn(&'static str) -> Expr) -> Expr {
        RESOURCE_VIEW.call(vec![column(schema::RESOURCE), column(schema::SERVICE)])
    }
}

impl ScalarUDFImpl for AttributesView {
    fn name(&self) -> &str {
        match self.signal {
            Some(Signal::Spans) => "span_attributes",
            Some(Signal::Logs) => "log_attributes",
            None => "resource_attributes",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(map_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns =
            args.args.iter().map(|argument| argument.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        match (self.signal, columns.as_slice()) {
            (None, [resource, ..]) => Ok(ColumnarValue::Array(json_maps(resource)?)),
            (Some(signal), [map, conflicts, columns @ ..]) => {
                Ok(ColumnarValue::Array(Arc::new(merge(signal, map, conflicts, columns)?)))
            }
            _ => exec_err!("{}() needs its columns", self.name()),
        }
    }
}

/// The typed columns in the order of their table, then what did not fit into them, then the entries of the map.
fn merge(signal: Signal, map: &ArrayRef, conflicts: &ArrayRef, columns: &[ArrayRef]) -> Result<MapArray> {
    let map = map.as_map_opt().ok_or_else(|| exec_datafusion_err!("attributes of type {}", map.data_type()))?;
    let format = FormatOptions::default();
    let mut present = Vec::with_capacity(columns.len());
    for (promoted, column) in promoted(signal).iter().zip(columns) {
        if column.null_count() < column.len() {
            present.push((promoted.key, column, ArrayFormatter::try_new(column, &format)?));
        }
    }
    let conflicts = cast(conflicts, &DataType::Utf8)?;
    let conflicts = conflicts.as_string::<i32>();
    let (keys, values) = (map.keys().as_string::<i32>(), map.values().as_string::<i32>());
    let offsets = map.value_offsets();
    let mut merged = map_builder();
    for row in 0..map.len() {
        for (key, _, text) in present.iter().filter(|(_, column, _)| is_present(column, row)) {
            merged.keys().append_value(key);
            merged.values().append_value(text.value(row).try_to_string()?);
        }
        if conflicts.is_valid(row) {
            for (key, value) in json_entries(conflicts.value(row)) {
                merged.keys().append_value(key);
                merged.values().append_value(value);
            }
        }
        let entries = if map.is_valid(row) { offsets[row] as usize..offsets[row + 1] as usize } else { 0..0 };
        for entry in entries {
            merged.keys().append_value(keys.value(entry));
            merged.values().append_option(values.is_valid(entry).then(|| values.value(entry)));
        }
        merged.append(true)?;
    }
    Ok(merged.finish())
}

/// A dictionary key may be valid and point to a null.
fn is_present(column: &ArrayRef, row: usize) -> bool {
    match column.as_dictionary_opt::<Int32Type>() {
        Some(dictionary) => dictionary.key(row).is_some_and(|key| dictionary.values().is_valid(key)),
        None => column.is_valid(row),
    }
}

/// An access to one key of a view, as an access to what holds the key; `None` when `expr` is anything else.
pub(crate) fn fold(expr: &Expr) -> Option<Expr> {
    let Expr::ScalarFunction(call) = expr else { return None };
    if call.func.inner().is::<Attribute>() {
        return fold_text(call);
    }
    let integers = call.func == integer();
    if !integers && call.func != number() {
        return None;
    }
    let [Expr::ScalarFunction(inner)] = call.args.as_slice() else { return None };
    let (view, key) = view_access(inner)?;
    let (kind, column, conflicts) = view.source(key)?;
    if kind != ColumnKind::Int {
        return None;
    }
    let (data_type, parse) = if integers { (DataType::Int64, integer()) } else { (DataType::Float64, number()) };
    let conflict = parse.call(vec![attribute_call(conflicts, lit(key))]);
    Some(coalesce(vec![cast_expr(column, data_type), conflict]))
}

fn fold_text(call: &ScalarFunction) -> Option<Expr> {
    let (view, key) = view_access(call)?;
    let map = view.args.first()?.clone();
    if view.signal.is_none() && key == SERVICE_NAME {
        let service = view.args.get(1)?.clone();
        return Some(nullif(cast_expr(service, DataType::Utf8), lit("")));
    }
    match view.source(key) {
        Some((_, column, conflicts)) => {
            Some(coalesce(vec![cast_expr(column, DataType::Utf8), attribute_call(conflicts, lit(key))]))
        }
        None => Some(attribute_call(map, lit(key))),
    }
}

/// The attribute key that an expression reads as text, of the record or of its resource, in whatever way it does after
/// [`fold`] and the simplifier: a typed column, the map, the resource, or the first of them that has a value.
pub(crate) fn attribute_key(signal: Signal, expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Cast(cast) => attribute_key(signal, &cast.expr),
        Expr::Alias(alias) => attribute_key(signal, &alias.expr),
        Expr::Column(column) => {
            let promoted = promoted(signal).iter().find(|promoted| promoted.column == column.name)?;
            Some(promoted.key)
        }
        Expr::ScalarFunction(call) if call.func.inner().is::<Attribute>() => match call.args.as_slice() {
            [_, Expr::Literal(key, _)] => key.try_as_str().flatten(),
            _ => None,
        },
        Expr::ScalarFunction(call) if call.func.name() == "coalesce" => one_key(signal, call.args.iter()),
        Expr::Case(case) if case.expr.is_none() => {
            let values = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
            one_key(signal, values.chain(case.else_expr.as_deref()))
        }
        _ => None,
    }
}

/// The key that all of them read.
fn one_key<'a>(signal: Signal, exprs: impl Iterator<Item = &'a Expr>) -> Option<&'a str> {
    let keys = exprs.map(|expr| attribute_key(signal, expr)).collect::<Option<Vec<_>>>()?;
    let (first, rest) = keys.split_first()?;
    rest.iter().all(|key| key == first).then_some(*first)
}

struct ViewCall<'a> {
    signal: Option<Signal>,
    args: &'a [Expr],
}

impl ViewCall<'_> {
    /// The typed column of a key, and the column of what does not fit into it.
    fn source(&self, key: &str) -> Option<(ColumnKind, Expr, Expr)> {
        let table = promoted(self.signal?);
        let index = table.iter().position(|promoted| promoted.key == key)?;
        Some((table[index].kind, self.args.get(index + 2)?.clone(), self.args.get(1)?.clone()))
    }
}

fn view_access(call: &ScalarFunction) -> Option<(ViewCall<'_>, &str)> {
    if !call.func.inner().is::<Attribute>() {
        return None;
    }
    let [Expr::ScalarFunction(view), Expr::Literal(key, _)] = call.args.as_slice() else { return None };
    let signal = view.func.inner().downcast_ref::<AttributesView>()?.signal;
    Some((ViewCall { signal, args: &view.args }, key.try_as_str().flatten()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_as_it_is_written() {
        for key in ["a.b", "with \" and \\", "tab\t", "\u{8}\u{c}\u{1}", "größe", "\u{2028}"] {
            let mut object = "{".to_owned();
            write_json_string(&mut object, key);
            object.push_str(":\"x\"}");
            assert_eq!(JsonKey::new(key).look_up(&object).as_deref(), Some("x"), "{object}");
            assert_eq!(JsonKey::new("other").look_up(&object), None);
        }
    }
}
