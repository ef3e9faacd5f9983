// This file knows the drafts by their names, and holds their meta-schemas, of which schemas refer to parts.

package schema

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

// draftNames are the names that a configuration has for drafts.
var draftNames = map[string]*jsonschema.Draft{
	"4": jsonschema.Draft4, "6": jsonschema.Draft6, "7": jsonschema.Draft7,
	"2019-09": jsonschema.Draft2019, "2020-12": jsonschema.Draft2020,
}

// draftOf returns the draft that a $schema names, nil if it names none.
func draftOf(uri string) *jsonschema.Draft {
	uri = strings.TrimSuffix(strings.TrimSuffix(uri, "/"), "#")
	return metaSchemas[withoutScheme(uri)].draft
}

// metaSchema returns the meta-schema of a draft by its address.
func metaSchema(uri string) (text []byte, ok bool) {
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
