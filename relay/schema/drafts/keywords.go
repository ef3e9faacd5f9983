package drafts

// The keywords of all drafts.

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// holds says where in a keyword's value there are schemas; several may apply.
type holds uint8

const (
	itself holds = 1 << iota // the value is a schema
	listed                   // the value is a list of schemas
	named                    // the value is an object of schemas
	data                     // the value is any JSON, even if it looks like a schema
)

// Keyword is a keyword of JSON Schema.
type Keyword struct {
	holds  holds
	since  int  // the first draft that has it
	until  int  // the last draft that has it; 0: it is still there
	Checks bool // it decides about values, or leads to a keyword that does
}

// The drafts by their numbers, in the order in which they were published.
const (
	Draft4    = 4
	Draft6    = 6
	Draft7    = 7
	Draft2019 = 2019
	Draft2020 = 2020
)

// Keywords holds the keywords of all drafts by name, and a few that hold any JSON though no draft has them.
var Keywords = map[string]Keyword{
	"$schema":          {since: Draft4},
	"$comment":         {since: Draft7},
	"$vocabulary":      {since: Draft2019, holds: data},
	"id":               {since: Draft4, until: Draft4},
	"$id":              {since: Draft6},
	"$anchor":          {since: Draft2019},
	"$ref":             {since: Draft4, Checks: true},
	"$recursiveAnchor": {since: Draft2019, until: Draft2019},
	"$recursiveRef":    {since: Draft2019, until: Draft2019, Checks: true},
	"$dynamicAnchor":   {since: Draft2020},
	"$dynamicRef":      {since: Draft2020, Checks: true},
	"definitions":      {since: Draft4, holds: named},
	"$defs":            {since: Draft2019, holds: named},

	"title":            {since: Draft4},
	"description":      {since: Draft4},
	"default":          {since: Draft4, holds: data},
	"examples":         {since: Draft6, holds: data},
	"readOnly":         {since: Draft7},
	"writeOnly":        {since: Draft7},
	"deprecated":       {since: Draft2019},
	"contentEncoding":  {since: Draft7},
	"contentMediaType": {since: Draft7},
	"contentSchema":    {since: Draft2019, holds: itself},

	"type":             {since: Draft4, Checks: true},
	"enum":             {since: Draft4, holds: data, Checks: true},
	"const":            {since: Draft6, holds: data, Checks: true},
	"format":           {since: Draft4, Checks: true},
	"multipleOf":       {since: Draft4, Checks: true},
	"maximum":          {since: Draft4, Checks: true},
	"exclusiveMaximum": {since: Draft4, Checks: true},
	"minimum":          {since: Draft4, Checks: true},
	"exclusiveMinimum": {since: Draft4, Checks: true},
	"maxLength":        {since: Draft4, Checks: true},
	"minLength":        {since: Draft4, Checks: true},
	"pattern":          {since: Draft4, Checks: true},

	"items":            {since: Draft4, holds: itself | listed, Checks: true},
	"prefixItems":      {since: Draft2020, holds: listed, Checks: true},
	"additionalItems":  {since: Draft4, until: Draft2019, holds: itself, Checks: true},
	"maxItems":         {since: Draft4, Checks: true},
	"minItems":         {since: Draft4, Checks: true},
	"uniqueItems":      {since: Draft4, Checks: true},
	"contains":         {since: Draft6, holds: itself, Checks: true},
	"maxContains":      {since: Draft2019, Checks: true},
	"minContains":      {since: Draft2019, Checks: true},
	"unevaluatedItems": {since: Draft2019, holds: itself, Checks: true},

	"properties":            {since: Draft4, holds: named, Checks: true},
	"patternProperties":     {since: Draft4, holds: named, Checks: true},
	"additionalProperties":  {since: Draft4, holds: itself, Checks: true},
	"required":              {since: Draft4, Checks: true},
	"maxProperties":         {since: Draft4, Checks: true},
	"minProperties":         {since: Draft4, Checks: true},
	"propertyNames":         {since: Draft6, holds: itself, Checks: true},
	"dependencies":          {since: Draft4, holds: named, Checks: true}, // the library has it in all drafts
	"dependentRequired":     {since: Draft2019, holds: data, Checks: true},
	"dependentSchemas":      {since: Draft2019, holds: named, Checks: true},
	"unevaluatedProperties": {since: Draft2019, holds: itself, Checks: true},

	"allOf": {since: Draft4, holds: listed, Checks: true},
	"anyOf": {since: Draft4, holds: listed, Checks: true},
	"oneOf": {since: Draft4, holds: listed, Checks: true},
	"not":   {since: Draft4, holds: itself, Checks: true},
	"if":    {since: Draft7, holds: itself, Checks: true},
	"then":  {since: Draft7, holds: itself, Checks: true},
	"else":  {since: Draft7, holds: itself, Checks: true},

	// Of no draft, but known for holding any JSON.
	"example":         {holds: data},
	"defaultSnippets": {holds: data},
	"options":         {holds: data},
	"x-examples":      {holds: data},
}

// In reports whether a draft has the keyword.
func (k Keyword) In(draft int) bool {
	return k.since > 0 && k.since <= draft && (k.until == 0 || draft <= k.until)
}

// Version returns the number of a draft.
func Version(d *jsonschema.Draft) int {
	switch d {
	case jsonschema.Draft4:
		return Draft4
	case jsonschema.Draft6:
		return Draft6
	case jsonschema.Draft7:
		return Draft7
	case jsonschema.Draft2019:
		return Draft2019
	}
	return Draft2020
}

// Checking lists the keywords of a draft that check something, for which another word may have been written by mistake.
// Short keywords are left out, since too many words are like them.
func Checking(draft int) (names []string) {
	for name, k := range Keywords {
		if k.Checks && k.In(draft) && len(name) > len("not") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Since says for people which drafts have a keyword: "drafts from 7 on have it".
func Since(k Keyword) string {
	for _, name := range []string{"4", "6", "7", "2019-09", "2020-12"} {
		number := Version(Named[name])
		if k.until != 0 && number == k.until && k.since == number {
			return "only draft " + name + " has it"
		}
		if k.until != 0 && number == k.until {
			return "drafts up to " + name + " have it"
		}
		if k.until == 0 && number == k.since {
			return "drafts from " + name + " on have it"
		}
	}
	return "no draft has it"
}
