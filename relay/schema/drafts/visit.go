package drafts

// The schemas within a document.

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Subschema is a schema within a document.
type Subschema struct {
	At     string // JSON pointer
	Schema map[string]any
	Known  bool // false: it stands under a name that is no keyword, so that only a reference makes it a schema
}

// Visit calls f for each schema in a document, each before those in it, always in the same order.
func Visit(doc any, draft int, f func(Subschema)) { visitAt(doc, draft, "", true, f) }

func visitAt(value any, draft int, at string, known bool, f func(Subschema)) {
	schema, ok := value.(map[string]any)
	if !ok {
		return
	}
	f(Subschema{at, schema, known})
	for _, name := range slices.Sorted(maps.Keys(schema)) {
		below, child := at+"/"+EscapeToken(name), schema[name]
		k := Keywords[name]
		switch {
		case k.holds&data != 0:
			continue
		case !k.In(draft):
			visitAt(child, draft, below, false, f)
			continue
		}
		switch child := child.(type) {
		case []any:
			if k.holds&listed != 0 {
				for i, item := range child {
					visitAt(item, draft, below+"/"+strconv.Itoa(i), known, f)
				}
			}
		case map[string]any:
			switch {
			case k.holds&itself != 0:
				visitAt(child, draft, below, known, f)
			case k.holds&named != 0:
				for _, name := range slices.Sorted(maps.Keys(child)) {
					visitAt(child[name], draft, below+"/"+EscapeToken(name), known, f)
				}
			}
		}
	}
}

// EscapeToken escapes a name for a JSON pointer.
func EscapeToken(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// UnescapeToken returns the name that a token of a JSON pointer stands for.
func UnescapeToken(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}
