package drafts

// The drafts by their names, and their meta-schemas, to parts of which schemas refer.

import (
	"embed"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// As published at json-schema.org.
//
//go:embed meta
var metaFiles embed.FS

// metaSchemas are those that a schema can be of, by the addresses of their meta-schemas without scheme.
var metaSchemas = map[string]struct {
	draft *jsonschema.Draft
	file  string
}{
	"://json-schema.org/draft-04/schema":      {jsonschema.Draft4, "draft-04.json"},
	"://json-schema.org/draft-06/schema":      {jsonschema.Draft6, "draft-06.json"},
	"://json-schema.org/draft-07/schema":      {jsonschema.Draft7, "draft-07.json"},
	"://json-schema.org/draft/2019-09/schema": {jsonschema.Draft2019, "2019-09.json"},
	"://json-schema.org/draft/2020-12/schema": {jsonschema.Draft2020, "2020-12.json"},
	"://json-schema.org/schema":               {jsonschema.Draft2020, "2020-12.json"},
}

// Named holds the drafts by the names that a configuration has for them.
var Named = map[string]*jsonschema.Draft{
	"4": jsonschema.Draft4, "6": jsonschema.Draft6, "7": jsonschema.Draft7,
	"2019-09": jsonschema.Draft2019, "2020-12": jsonschema.Draft2020,
}

// Of returns the draft that a $schema names, nil if it names none.
func Of(uri string) *jsonschema.Draft {
	uri = strings.TrimSuffix(strings.TrimSuffix(uri, "/"), "#")
	return metaSchemas[withoutScheme(uri)].draft
}

// MetaSchema returns the meta-schema of a draft by its address.
func MetaSchema(uri string) (text []byte, ok bool) {
	d, ok := metaSchemas[withoutScheme(uri)]
	if !ok {
		return nil, false
	}
	text, err := metaFiles.ReadFile("meta/" + d.file)
	return text, err == nil
}

func withoutScheme(uri string) string {
	return strings.TrimPrefix(strings.TrimPrefix(uri, "https"), "http")
}

// NameOf returns the name of a draft, such as "2019-09".
func NameOf(draft *jsonschema.Draft) string {
	for name, d := range Named {
		if d == draft {
			return name
		}
	}
	return ""
}
