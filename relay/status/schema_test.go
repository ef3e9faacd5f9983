package status

// The JSON Schema of a Status. It is made of the types, and says of each field what its comment says; being made by a
// test, it adds nothing to the program.

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"
	"time"
)

const schemaFile = "../../schemas/status.json"

var update = flag.Bool("update", false, "write "+schemaFile)

func TestSchemaIsUpToDate(t *testing.T) {
	want := makeSchema(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(schemaFile); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is out of date (%v): run go generate ./relay/status", schemaFile, err)
	}
}

// object is a JSON object. It is written with its keys sorted.
type object = map[string]any

func makeSchema(t *testing.T) []byte {
	t.Helper()
	m := schemaMaker{t: t, comments: map[string]string{}, definitions: object{}}
	m.read("../../relay/status/status.go", "status")
	m.read("../../relay/notice/event.go", "notice")
	root := m.structure(reflect.TypeFor[Status]())
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["$comment"] = "Made from the types in relay/status by go generate ./relay/status."
	root["title"] = "The status of a relay: GET /api/v1/status, RELAY STATUS, and the data of each event of /api/v1/events"
	root["definitions"] = m.definitions
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// schemaMaker describes types by reflection.
type schemaMaker struct {
	t           *testing.T
	comments    map[string]string // of types and fields: status.Redis, status.Redis.Up
	definitions object
}

// read collects the comments of a source file.
func (m *schemaMaker) read(file, pkg string) {
	m.t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		m.t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			return true
		}
		for _, spec := range decl.Specs {
			spec := spec.(*ast.TypeSpec)
			name := pkg + "." + spec.Name.Name
			m.comments[name] = decl.Doc.Text()
			if s, ok := spec.Type.(*ast.StructType); ok {
				m.readFields(name, s)
			}
		}
		return false
	})
}

func (m *schemaMaker) readFields(name string, s *ast.StructType) {
	for _, f := range s.Fields.List {
		for _, field := range f.Names {
			text := f.Comment.Text()
			if text == "" {
				text = f.Doc.Text()
			}
			m.comments[name+"."+field.Name] = strings.Join(strings.Fields(text), " ")
		}
	}
}

// structure describes a struct. Fields may be added later, so others are no error.
func (m *schemaMaker) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	m.fields(t, func(owner reflect.Type, f reflect.StructField, name string, optional bool) {
		node := m.value(f.Type)
		if text := m.comments[owner.String()+"."+f.Name]; text != "" {
			if ref, ok := node["$ref"]; ok { // draft 7 reads nothing beside a $ref
				node = object{"allOf": []object{{"$ref": ref}}}
			}
			node["description"] = text
		}
		properties[name] = node
		if !optional {
			required = append(required, name)
		}
	})
	node := object{"type": "object", "properties": properties, "required": required}
	if text := strings.Join(strings.Fields(m.comments[t.String()]), " "); text != "" {
		_, node["description"], _ = strings.Cut(text, " is ") // Redis is the connection ...
		if node["description"] == "" {
			node["description"] = text
		}
	}
	return node
}

// fields goes through the fields as encoding/json does: those of embedded structs are the struct's own.
func (m *schemaMaker) fields(t reflect.Type, f func(owner reflect.Type, f reflect.StructField, name string, optional bool)) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case field.Anonymous:
			m.fields(field.Type, f)
		case name == "":
			m.t.Errorf("%s.%s has no name in JSON", t, field.Name)
		default:
			f(t, field, name, strings.Contains(options, "omitempty"))
		}
	}
}

// value describes the type of a field.
func (m *schemaMaker) value(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return m.value(t.Elem())
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": m.value(t.Elem())}
	case t.Kind() == reflect.Struct:
		name := strings.ToLower(path.Ext(t.String())[1:])
		if t.PkgPath() != reflect.TypeFor[Status]().PkgPath() {
			name = strings.ToLower(strings.ReplaceAll(t.String(), ".", "_"))
		}
		if m.definitions[name] == nil {
			m.definitions[name] = m.structure(t)
		}
		return object{"$ref": "#/definitions/" + name}
	}
	return m.scalar(t)
}

func (m *schemaMaker) scalar(t reflect.Type) object {
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	}
	m.t.Errorf("%s: how is that in JSON?", t)
	return object{}
}
