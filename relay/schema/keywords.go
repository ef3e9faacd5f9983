// This file knows the keywords of all drafts, and finds the schemas in a document.

package schema

import (
	"maps"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// holds says where in a keyword's value schemas stand; several may apply.
type holds uint8

const (
	itself holds = 1 << iota // the value is one
	listed                   // in a list
	named                    // in an object, under names
	data                     // nowhere: what looks like one is any JSON
)

// keywordOf is a keyword of JSON Schema.
type keywordOf struct {
	holds  holds
	since  int  // the first draft that has it
	until  int  // the last one; 0: none
	checks bool // it decides about values, or leads to what does
}

const (
	draft4    = 4
	draft6    = 6
	draft7    = 7
	draft2019 = 2019
	draft2020 = 2020
)

var keywords = map[string]keywordOf{
	"$schema":          {since: draft4},
	"$comment":         {since: draft7},
	"$vocabulary":      {since: draft2019, holds: data},
	"id":               {since: draft4, until: draft4},
	"$id":              {since: draft6},
	"$anchor":          {since: draft2019},
	"$ref":             {since: draft4, checks: true},
	"$recursiveAnchor": {since: draft2019, until: draft2019},
	"$recursiveRef":    {since: draft2019, until: draft2019, checks: true},
	"$dynamicAnchor":   {since: draft2020},
	"$dynamicRef":      {since: draft2020, checks: true},
	"definitions":      {since: draft4, holds: named},
	"$defs":            {since: draft2019, holds: named},

	"title":            {since: draft4},
	"description":      {since: draft4},
	"default":          {since: draft4, holds: data},
	"examples":         {since: draft6, holds: data},
	"readOnly":         {since: draft7},
	"writeOnly":        {since: draft7},
	"deprecated":       {since: draft2019},
	"contentEncoding":  {since: draft7},
	"contentMediaType": {since: draft7},
	"contentSchema":    {since: draft2019, holds: itself},

	"type":             {since: draft4, checks: true},
	"enum":             {since: draft4, holds: data, checks: true},
	"const":            {since: draft6, holds: data, checks: true},
	"format":           {since: draft4, checks: true},
	"multipleOf":       {since: draft4, checks: true},
	"maximum":          {since: draft4, checks: true},
	"exclusiveMaximum": {since: draft4, checks: true},
	"minimum":          {since: draft4, checks: true},
	"exclusiveMinimum": {since: draft4, checks: true},
	"maxLength":        {since: draft4, checks: true},
	"minLength":        {since: draft4, checks: true},
	"pattern":          {since: draft4, checks: true},

	"items":            {since: draft4, holds: itself | listed, checks: true},
	"prefixItems":      {since: draft2020, holds: listed, checks: true},
	"additionalItems":  {since: draft4, until: draft2019, holds: itself, checks: true},
	"maxItems":         {since: draft4, checks: true},
	"minItems":         {since: draft4, checks: true},
	"uniqueItems":      {since: draft4, checks: true},
	"contains":         {since: draft6, holds: itself, checks: true},
	"maxContains":      {since: draft2019, checks: true},
	"minContains":      {since: draft2019, checks: true},
	"unevaluatedItems": {since: draft2019, holds: itself, checks: true},

	"properties":            {since: draft4, holds: named, checks: true},
	"patternProperties":     {since: draft4, holds: named, checks: true},
	"additionalProperties":  {since: draft4, holds: itself, checks: true},
	"required":              {since: draft4, checks: true},
	"maxProperties":         {since: draft4, checks: true},
	"minProperties":         {since: draft4, checks: true},
	"propertyNames":         {since: draft6, holds: itself, checks: true},
	"dependencies":          {since: draft4, holds: named, checks: true}, // the library has it in all drafts
	"dependentRequired":     {since: draft2019, holds: data, checks: true},
	"dependentSchemas":      {since: draft2019, holds: named, checks: true},
	"unevaluatedProperties": {since: draft2019, holds: itself, checks: true},

	"allOf": {since: draft4, holds: listed, checks: true},
	"anyOf": {since: draft4, holds: listed, checks: true},
	"oneOf": {since: draft4, holds: listed, checks: true},
	"not":   {since: draft4, holds: itself, checks: true},
	"if":    {since: draft7, holds: itself, checks: true},
	"then":  {since: draft7, holds: itself, checks: true},
	"else":  {since: draft7, holds: itself, checks: true},

	// Of no draft, but known for holding any JSON.
	"example":         {holds: data},
	"defaultSnippets": {holds: data},
	"options":         {holds: data},
	"x-examples":      {holds: data},
}

// in reports whether a draft has the keyword.
func (k keywordOf) in(draft int) bool {
	return k.since > 0 && k.since <= draft && (k.until == 0 || draft <= k.until)
}

// version returns the number of a draft.
func version(d *jsonschema.Draft) int {
	switch d {
	case jsonschema.Draft4:
		return draft4
	case jsonschema.Draft6:
		return draft6
	case jsonschema.Draft7:
		return draft7
	case jsonschema.Draft2019:
		return draft2019
	}
	return draft2020
}

// subschema is a schema in a document.
type subschema struct {
	at     string // JSON pointer
	schema map[string]any
	// known is false for what only a reference would make a schema: it stands under a name that is no keyword.
	known bool
}

// visit calls f for each schema in a document, each before those in it, always in the same order.
func visit(doc any, draft int, f func(subschema)) { visitAt(doc, draft, "", true, f) }

func visitAt(value any, draft int, at string, known bool, f func(subschema)) {
	schema, ok := value.(map[string]any)
	if !ok {
		return
	}
	f(subschema{at, schema, known})
	for _, name := range slices.Sorted(maps.Keys(schema)) {
		below, child := at+"/"+escapeToken(name), schema[name]
		k := keywords[name]
		switch {
		case k.holds&data != 0:
			continue
		case !k.in(draft):
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
					visitAt(child[name], draft, below+"/"+escapeToken(name), known, f)
				}
			}
		}
	}
}
