package schema

// This file words rejections.

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/drafts"
)

// refusal words a cause.
func (e *causes) refusal(c *cause) *Error {
	var room [maxPointer]byte
	location := e.appendLocation(room[:0], c.node, drafts.EscapeToken)
	return newError(string(location), e.words(c))
}

// words says what is wrong with a value. They are the library's, except where that says too little.
func (e *causes) words(c *cause) string {
	in := e.examiner.clauses[c.clause]
	s := in.schema
	switch c.keyword {
	case keyFalse:
		return e.wordsOfFalse(c)
	case keyType:
		return "expected " + strings.Join(s.Types, " or ") + ", but got " + typeNames[e.kind(c.node)]
	case keyConst, keyEnum:
		return in.constants[c.a].says
	case keyFormat:
		return quoted(e.string(c.node)) + " is not valid " + quoted([]byte(s.Format))
	case keyNot:
		return in.notWords
	case keyOneOf:
		return fmt.Sprintf("must match one schema of oneOf only, but matches those at indexes %d and %d", c.a, c.b)
	case keyMinimum, keyExclusiveMinimum, keyMaximum, keyExclusiveMaximum, keyMultipleOf:
		return e.wordsOfLimit(c)
	case keyMinLength:
		return fmt.Sprintf("length must be >= %d, but got %d", s.MinLength, utf8.RuneCount(e.string(c.node)))
	case keyMaxLength:
		return fmt.Sprintf("length must be <= %d, but got %d", s.MaxLength, utf8.RuneCount(e.string(c.node)))
	case keyPattern:
		return "does not match pattern " + quoted([]byte(in.pattern.Written))
	case keyRequired, keyRequires, keyAdditionalProperties, keyMinProperties, keyMaxProperties:
		return e.wordsOfMembers(c)
	default:
		return e.wordsOfItems(c)
	}
}

var typeNames = [kinds]string{
	kindNull: "null", kindFalse: "boolean", kindTrue: "boolean", kindInteger: "number",
	kindWhole: "number", kindFraction: "number",
	kindString: "string", kindArray: "array", kindObject: "object",
}

func (e *causes) wordsOfMembers(c *cause) string {
	in, size := e.examiner.clauses[c.clause], e.nodes[c.node].size
	s := in.schema
	switch c.keyword {
	case keyMinProperties:
		return fmt.Sprintf("minimum %d properties allowed, but found %d properties", s.MinProperties, size)
	case keyMaxProperties:
		return fmt.Sprintf("maximum %d properties allowed, but found %d properties", s.MaxProperties, size)
	case keyAdditionalProperties:
		return "additionalProperties " + e.extraNames(c) + " not allowed"
	case keyRequired:
		return "missing properties: " + e.missingNames(c)
	default:
		m := in.members
		r := m.requires[c.a]
		return fmt.Sprintf("property %s is required, if %s property exists",
			quoted([]byte(m.names.keys[r.required])), quoted([]byte(m.names.keys[r.given])))
	}
}

func (e *causes) wordsOfItems(c *cause) string {
	in, size := e.examiner.clauses[c.clause], e.nodes[c.node].size
	s := in.schema
	switch c.keyword {
	case keyMinItems:
		return fmt.Sprintf("minimum %d items required, but found %d items", s.MinItems, size)
	case keyMaxItems:
		return fmt.Sprintf("maximum %d items required, but found %d items", s.MaxItems, size)
	case keyUniqueItems:
		return fmt.Sprintf("items at index %d and %d are equal", c.a, c.b)
	case keyAdditionalItems:
		return fmt.Sprintf("only %d items are allowed, but found %d items", len(in.items.first), size)
	case keyMinContains:
		return fmt.Sprintf("at least %s must match the schema of contains, but %s", items(s.MinContains), do(c.a))
	default:
		return fmt.Sprintf("at most %s may match the schema of contains, but %s", items(s.MaxContains), do(c.a))
	}
}

func items(n int) string {
	if n == 1 {
		return "1 item"
	}
	return fmt.Sprintf("%d items", n)
}

func do(n int32) string {
	if n == 1 {
		return "1 does"
	}
	return fmt.Sprintf("%d do", n)
}

func (e *causes) wordsOfLimit(c *cause) string {
	limit := &e.examiner.clauses[c.clause].limits[c.a]
	of, _ := limit.of.Float64()
	comparison := map[keyword]string{
		keyMinimum: ">=", keyExclusiveMinimum: ">", keyMaximum: "<=", keyExclusiveMaximum: "<",
	}[c.keyword]
	if c.keyword == keyMultipleOf {
		return fmt.Sprintf("%s not multipleOf %v", e.raw(c.node), of)
	}
	return fmt.Sprintf("must be %s %v but found %s", comparison, of, e.raw(c.node))
}

// wordsOfFalse names the keyword that leads to a schema that is false, where more than a name leads there.
func (e *causes) wordsOfFalse(c *cause) string {
	keyword := e.lastLabel(c.trail)
	if i := strings.IndexByte(keyword, '/'); i >= 0 {
		keyword = keyword[:i]
	}
	if keyword == "" || keyword == "properties" || keyword == "$ref" {
		return "not allowed"
	}
	return "not allowed by " + keyword
}

func (e *causes) lastLabel(t trail) string {
	for t.rest != 0 {
		t = e.trails[t.rest]
	}
	return e.examiner.labels[t.label]
}

// missingNames lists the required names that an object lacks, as many as an error has room for.
func (e *causes) missingNames(c *cause) string {
	m := e.examiner.clauses[c.clause].members
	there := make([]bool, len(m.properties))
	for member := c.node + 1; member < e.nodes[c.node].next; member = e.nodes[member].next {
		if i := m.names.find(e.name(member)); i >= 0 {
			there[i] = true
		}
	}
	var missing []string
	size := 0
	for _, i := range m.required {
		if !there[i] && size <= maxReason {
			name := quoted([]byte(m.names.keys[i]))
			missing, size = append(missing, name), size+len(name)
		}
	}
	return strings.Join(missing, ", ")
}

// extraNames lists the names that a schema does not know, sorted, as many as an error has room for.
func (e *causes) extraNames(c *cause) string {
	const most = maxReason / len(", ''")
	var extra []string
	for member := c.node + 1; member < e.nodes[c.node].next; member = e.nodes[member].next {
		e.spend(costMember)
		if name := e.name(member); !e.examiner.clauses[c.clause].members.describes(e.budget, name) {
			if at, _ := slices.BinarySearch(extra, string(name)); at < most {
				extra = slices.Insert(extra, at, string(name))
				extra = extra[:min(len(extra), most)]
			}
		}
	}
	for i, name := range extra {
		extra[i] = quoted([]byte(name))
	}
	return strings.Join(extra, ", ")
}

// describes reports whether properties or patternProperties apply to a name.
func (m *memberClause) describes(b *budget, name []byte) bool {
	if i := m.names.find(name); i >= 0 && m.properties[i].to != nil {
		return true
	}
	return slices.ContainsFunc(m.patterns, func(w patternWay) bool { return b.matches(w.pattern, name) })
}

// wordsOf writes a value of a schema.
func wordsOf(value any) string {
	if nests(value) {
		text, _ := json.Marshal(value) // it comes from JSON
		return string(text)
	}
	return fmt.Sprintf("%#v", value)
}

func nests(value any) bool {
	switch value.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

// listOf writes the values of a schema, as many as an error has room for.
func listOf(values []any) string {
	var all []string
	size := 0
	for _, value := range values {
		if size <= maxReason {
			text := wordsOf(value)
			all, size = append(all, text), size+len(text)
		}
	}
	return strings.Join(all, ", ")
}

func wordsOfConstants(values []any) string {
	if len(values) == 1 {
		return "value must be " + wordsOf(values[0])
	}
	return "value must be one of " + listOf(values)
}

const notMatching = "must not match pattern "

// wordsOfNot says what not refuses: in the words of its only keyword, or by its place.
func wordsOfNot(s *jsonschema.Schema) string {
	switch only := onlyKeyword(s); {
	case only == "Types":
		return "must not be of type " + strings.Join(s.Types, " or ")
	case only == "Constant":
		return "value must not be " + wordsOf(s.Constant[0])
	case only == "Enum":
		return "value must not be one of " + listOf(s.Enum)
	case only == "Pattern":
		return notMatching + quoted([]byte(s.Pattern.String()))
	case only == "Required" && len(s.Required) == 1:
		return "property " + quoted([]byte(s.Required[0])) + " is not allowed"
	case only == "Required":
		var names []string
		for _, name := range s.Required {
			names = append(names, quoted([]byte(name)))
		}
		return "properties " + strings.Join(names, ", ") + " are not allowed together"
	default:
		return "must not match the schema at " + placeOf(s)
	}
}

// placeOf returns where a schema stands: file, "#" and JSON pointer.
func placeOf(s *jsonschema.Schema) string {
	file, place, _ := strings.Cut(s.Location, "#")
	if text, err := url.PathUnescape(place); err == nil {
		place = text
	}
	return readable(file) + "#" + place
}

// quoted quotes a text as the library does. What an error has no room for is left out.
func quoted(text []byte) string {
	if most := maxReason + utf8.UTFMax; len(text) > most {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}
		text = text[:most]
	}
	q := strings.ReplaceAll(fmt.Sprintf("%q", text), `\"`, `"`)
	return "'" + strings.ReplaceAll(q[1:len(q)-1], "'", `\'`) + "'"
}
