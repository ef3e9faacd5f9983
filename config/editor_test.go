package config

// The JSON Schema of relay.yaml that editors read. It is made of the same types, texts and words as the
// strict check; being made by a test, it adds nothing to the program.

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"
)

// editorSchemaFile is where the schema is; relay.yaml names it in its first line.
const editorSchemaFile = "../schemas/relay.schema.json"

var update = flag.Bool("update", false, "write "+editorSchemaFile)

func TestEditorSchemaIsUpToDate(t *testing.T) {
	want := editorSchema(t)
	if *update {
		if err := os.WriteFile(editorSchemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(editorSchemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: run go generate ./config", editorSchemaFile)
	}
}

// Texts that the configuration takes for a size, a duration, a file mode.
const (
	sizePattern     = `^[0-9]+([TGMK]i?B|B)?$`
	durationPattern = `^\+?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`
	modePattern     = `^0?[0-7]{3}$`
)

// moreThanZero are whole numbers that Validate wants to be 1 or more.
var moreThanZero = []string{
	"redis.alert_after", "limits.clients", "limits.subscriptions", "limits.patterns", "limits.publish_window", "history.length",
	"dead_letters.length",
}

// groupHelp says what the keys are for that hold others.
var groupHelp = map[string]string{
	"redis":     "how the relay reaches Redis",
	"upstreams": "other Redises by their names, for routes that say upstream; the one in redis is main",
	"redis.tls": "PEM files, used with rediss://",

	"redis.sentinel":    "who the relay is to the sentinels themselves, with mode sentinel",
	"redis.credentials": "a program that prints the user and the password for Redis",

	"socket":        "the Unix socket that clients connect to",
	"nats":          "the embedded NATS server",
	"nats.leaf":     "a NATS cluster to be a leaf node of",
	"http":          "health, metrics and the status page",
	"alerts":        "what else raises an alert, and who is told of alerts beside listeners of relay:events",
	"traces":        "OpenTelemetry: spans of messages, sent to a collector",
	"log":           "what is logged, and how it looks",
	"limits":        "what local clients may use",
	"schemas":       "the JSON Schemas: the folder alone, or with a draft",
	"routes":        "what holds for channels, by their prefixes",
	"history":       "messages are persisted before they are broadcast; null in a kind: not those",
	"alerts.spike":  "a channel that carries far more than usual",
	"mirror":        "another upstream to which a share of what is published goes, too",
	"rate":          "messages/s, of each channel by itself",
	"dead_letters":  "streams at Redis that keep refused messages, where routes name them",
	"too_large":     "messages over limits.payload",
	"redis_refused": "publishes that Redis refuses",

	"invalid.reject":      "whether such a message is refused; else it is counted and told only",
	"invalid.dead_letter": "stream at Redis that keeps such messages; empty: none",
}

// jsonObject is a JSON object. It is written with its keys sorted.
type jsonObject = map[string]any

// editorSchema makes the schema. Draft 7 is the one that editors know best.
func editorSchema(t *testing.T) []byte {
	t.Helper()
	m := schemaMaker{called: called, help: merged(groupHelp, help), values: values()}
	root := m.object(reflect.TypeFor[Config](), "", reflect.ValueOf(Default()))
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["$comment"] = "Made from the types in config by go generate ./config."
	root["title"] = "relay.yaml, the configuration of redis-relay"
	root["definitions"] = jsonObject{"route": routeSchema(), "policy": policySchema(), "upstream": m.upstream()}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// routeSchema describes one route.
func routeSchema() jsonObject {
	defaults := NewRoute("")
	defaults.Policy.OnGap = "" // it hangs on history
	m := schemaMaker{called: plainPath, help: merged(groupHelp, routeHelp)}
	route := m.object(reflect.TypeFor[Route](), "", reflect.ValueOf(defaults))
	route["type"] = "object"
	route["required"] = []string{"prefix"}
	prefix := route["properties"].(jsonObject)["prefix"].(jsonObject)
	prefix["type"], prefix["minLength"] = "string", 1
	delete(prefix, "default")
	history := route["properties"].(jsonObject)["history"].(jsonObject)
	history["required"] = []string{"length"} // a kind's may have that of its route
	history["properties"].(jsonObject)["length"].(jsonObject)["type"] = "integer"
	return route
}

// upstream describes one of the upstreams.
func (m schemaMaker) upstream() jsonObject {
	return m.object(reflect.TypeFor[Redis](), "redis", reflect.ValueOf(defaultUpstream()))
}

// policySchema describes what one kind changes; what it leaves out is the route's.
func policySchema() jsonObject {
	m := schemaMaker{called: plainPath, help: merged(groupHelp, routeHelp)}
	return m.object(reflect.TypeFor[Policy](), "", reflect.Value{})
}

func plainPath(path string) string { return path }

func merged(groups, leaves map[string]string) map[string]string {
	all := maps.Clone(groups)
	maps.Copy(all, leaves)
	return all
}

// values are the words of keys, without those that this version refuses.
func values() map[string][]string {
	byPath := map[string][]string{}
	for _, key := range Keys() {
		byPath[key.Path] = key.Values
	}
	return byPath
}

// schemaMaker describes types by reflection.
type schemaMaker struct {
	called func(path string) string
	help   map[string]string
	values map[string][]string // by path, where they differ from the words of the type
}

// object describes a mapping: every key may be left empty, none is unknown. defaults may be the zero Value.
func (m schemaMaker) object(t reflect.Type, path string, defaults reflect.Value) jsonObject {
	properties := jsonObject{}
	for _, f := range fieldsOf(t) {
		var value reflect.Value
		if defaults.IsValid() {
			value = defaults.FieldByIndex(f.index)
		}
		node := m.value(f.typ, join(path, f.name), value)
		if f.more != nil {
			node["type"] = []string{"string", "array", "null"}
			node["items"], node["minItems"] = scalar(f.typ, false), 1
		}
		if f.with != nil {
			long := m.object(longForms[f.typ], join(path, f.name), reflect.ValueOf(longInvalid{Reject: true}))
			long["type"] = "object"
			node["anyOf"] = []any{jsonObject{"enum": node["enum"]}, long}
			delete(node, "enum")
		}
		properties[f.name] = node
	}
	return jsonObject{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

// value describes a key and what it may be.
func (m schemaMaker) value(t reflect.Type, path string, value reflect.Value) jsonObject {
	if path == "schemas" {
		return m.schemas(value)
	}
	if t.Kind() == reflect.Pointer {
		return m.value(t.Elem(), path, reflect.Value{})
	}
	node := m.plain(t, path, value)
	text := m.help[m.called(path)]
	if t == sizeType || t == durationType {
		text += " (" + expected(t) + ")"
	}
	node["description"] = text
	if value.IsValid() && t.Kind() != reflect.Struct && t.Kind() != reflect.Map {
		if d := defaultOf(value); d != "" {
			node["default"] = d
		}
	}
	return node
}

// plain describes a type without its text and its default.
func (m schemaMaker) plain(t reflect.Type, path string, value reflect.Value) jsonObject {
	list, special := m.values[path]
	if !special {
		list = words[t]
	}
	switch {
	case t == durationType:
		return jsonObject{"type": []string{"string", "null"}, "pattern": durationPattern}
	case t == sizeType:
		return jsonObject{"type": []string{"string", "integer", "null"}, "pattern": sizePattern, "minimum": 0}
	case len(list) > 0:
		return jsonObject{"enum": oneOfWords(list)}
	case slices.Contains(moreThanZero, path):
		return jsonObject{"type": []string{"integer", "null"}, "minimum": 1}
	case path == "socket.mode":
		return jsonObject{"type": []string{"string", "null"}, "pattern": modePattern}
	case path == routesPath:
		return jsonObject{"type": []string{"array", "null"}, "items": jsonObject{"$ref": "#/definitions/route"}}
	}
	switch t.Kind() {
	case reflect.Struct:
		return m.object(t, path, value)
	case reflect.Map:
		if path == upstreamsPath {
			return jsonObject{
				"type": []string{"object", "null"}, "additionalProperties": jsonObject{"$ref": "#/definitions/upstream"},
			}
		}
		return jsonObject{"type": []string{"object", "null"}, "additionalProperties": jsonObject{"$ref": "#/definitions/policy"}}
	case reflect.Slice:
		return jsonObject{"type": []string{"array", "null"}, "items": scalar(t.Elem(), false)}
	}
	return scalar(t, true)
}

// schemas is the one key that is a text or a mapping.
func (m schemaMaker) schemas(value reflect.Value) jsonObject {
	long := m.object(value.Type(), "schemas", value)
	draft := long["properties"].(jsonObject)["draft"].(jsonObject)
	draft["enum"] = append(draft["enum"].([]any), "", 4, 6, 7) // a number is taken for its text
	long["type"] = []string{"object", "string", "null"}
	long["description"] = groupHelp["schemas"]
	long["default"] = defaultOf(value.FieldByName("Dir"))
	return long
}

// oneOfWords is a list of words, and null for a key that is left empty.
func oneOfWords(list []string) (all []any) {
	for _, word := range list {
		all = append(all, word)
	}
	return append(all, nil)
}

// scalar describes one text, number or truth value.
func scalar(t reflect.Type, optional bool) jsonObject {
	node, name := jsonObject{}, ""
	switch t.Kind() {
	case reflect.String:
		name = "string"
	case reflect.Bool:
		name = "boolean"
	case reflect.Float64:
		name, node["minimum"] = "number", 0
	case reflect.Uint32:
		name, node["minimum"], node["maximum"] = "integer", 0, uint32(math.MaxUint32)
	default:
		name, node["minimum"] = "integer", 0
	}
	node["type"] = name
	if optional {
		node["type"] = []string{name, "null"}
	}
	return node
}

// defaultOf returns a value as it is written in the file.
func defaultOf(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case time.Duration:
		return DurationText(value)
	case Size:
		return value.String()
	}
	switch v.Kind() {
	case reflect.Slice:
		return []any{}
	case reflect.String:
		return v.String()
	}
	return v.Interface()
}
