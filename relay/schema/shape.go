package schema

// This file shows what a schema asks, to those who compare schemas.

import (
	"encoding/json"
	"math/big"
	"regexp"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Kinds is a set of kinds of values, a bit each.
type Kinds uint16

// The kinds of values. The draft decides whether a number that is written as 1.0 or 1e2 is an integer.
const (
	KindNull     Kinds = 1 << kindNull
	KindFalse    Kinds = 1 << kindFalse
	KindTrue     Kinds = 1 << kindTrue
	KindInteger  Kinds = 1 << kindInteger // written without fraction and exponent
	KindWhole    Kinds = 1 << kindWhole   // of integral value, but written with one or an exponent
	KindFraction Kinds = 1 << kindFraction
	KindString   Kinds = 1 << kindString
	KindArray    Kinds = 1 << kindArray
	KindObject   Kinds = 1 << kindObject
	AllKinds     Kinds = 1<<kinds - 1
)

// Shape is what one schema asks of a value: its keywords, with the differences between drafts resolved. Shapes refer
// to each other, also in circles. Nobody may change one. It is safe for concurrent use.
type Shape struct {
	Place    string   // where the schema stands: file, "#" and JSON pointer
	Keywords []string // those that ask something
	Draft4   bool     // whether a number is an integer depends on how it is written

	Never  bool // the schema false
	Kinds  Kinds
	Values [][]string // const and enum: of each list the value equals one, as JSON

	All            []*Shape // $ref and allOf
	AnyOf, OneOf   []*Shape // empty: not asked
	Not            *Shape
	If, Then, Else *Shape

	Min, Max, Above, Below, MultipleOf *big.Rat // Above and Below are exclusive

	MinLength, MaxLength int // -1: not asked, as in all that follow
	Pattern              *regexp.Regexp
	Format               string // if it is asserted

	MinItems, MaxItems       int
	Unique                   bool
	Prefix                   []*Shape
	Rest                     *Shape // of the items behind Prefix; nil: any
	Contains                 *Shape
	MinContains, MaxContains int
	UnevaluatedItems         *Shape

	MinMembers, MaxMembers int
	Required               []string
	Members                map[string]*Shape
	Patterns               []PatternShape
	Additional             *Shape // of members that neither Members nor Patterns describe; nil: any
	Names                  *Shape
	Requires               map[string][]string // names that another one requires
	Depends                map[string]*Shape   // of the whole object, where a name is given
	Unevaluated            *Shape

	Evaluates      bool // additionalProperties is true: it asks nothing, but leaves no member unevaluated
	EvaluatesItems bool // the same of items: additionalItems is true, or those that contains finds count

	source   *jsonschema.Schema
	prepare  sync.Once
	examiner *examiner
}

// PatternShape is what is asked of the members whose names match a pattern.
type PatternShape struct {
	Pattern *regexp.Regexp
	*Shape
}

// NewShape returns a shape that asks nothing, for those who make shapes of their own.
func NewShape() *Shape {
	return &Shape{
		Kinds: AllKinds, MinLength: -1, MaxLength: -1, MinItems: -1, MaxItems: -1, MinContains: 1, MaxContains: -1,
		MinMembers: -1, MaxMembers: -1,
	}
}

// Shape returns what the checker's schema asks. Without a schema it is nil. Where a $dynamicRef may lead to several
// schemas it is nil, too, and why says so.
func (c *Checker) Shape() (s *Shape, why string) {
	if c.examiner == nil {
		return nil, ""
	}
	root := c.examiner.root.schema
	resolved, prevents, limit := resolveDynamic(root)
	if resolved == nil {
		return nil, placeOf(prevents) + "/$dynamicRef " + limit
	}
	b := shapeBuilder{known: make(map[*jsonschema.Schema]*Shape)}
	return b.shape(resolved), ""
}

// Accepts examines one value, which is valid JSON. decided is false if that would take too long. Shapes that do not
// come from a Checker are never decided.
func (s *Shape) Accepts(value []byte) (accepted, decided bool) {
	if s.source == nil {
		return false, false
	}
	s.prepare.Do(func() { s.examiner = newExaminer(s.source) })
	refused, ended := s.examiner.examine(value, newBudget(fullSteps(len(value)), nil))
	return refused == nil, ended == ""
}

// shapeBuilder makes shapes of the library's schemas.
type shapeBuilder struct {
	known map[*jsonschema.Schema]*Shape
}

// shape returns the shape of a schema, nil without one.
func (b *shapeBuilder) shape(s *jsonschema.Schema) *Shape {
	if s == nil {
		return nil
	}
	if known := b.known[s]; known != nil {
		return known
	}
	made := NewShape()
	b.known[s] = made
	made.Place, made.source = placeOf(s), s
	made.Draft4 = s.Draft == jsonschema.Draft4
	if s.Always != nil {
		if !*s.Always {
			made.ask(true, "false")
			made.Never, made.Kinds = true, 0
		}
		return made
	}
	b.fill(made, s)
	return made
}

// ask notes a keyword that asks something.
func (s *Shape) ask(asked bool, keyword string) {
	if asked {
		s.Keywords = append(s.Keywords, keyword)
	}
}

func (b *shapeBuilder) fill(made *Shape, s *jsonschema.Schema) {
	made.Kinds = 0
	for k := range kinds {
		if k.allowedBy(s) {
			made.Kinds |= 1 << k
		}
	}
	made.ask(made.Kinds != AllKinds, "type")
	for _, values := range [][]any{s.Constant, s.Enum} {
		if len(values) > 0 {
			made.Values = append(made.Values, texts(values))
		}
	}
	made.ask(len(s.Constant) > 0, "const")
	made.ask(len(s.Enum) > 0, "enum")
	b.fillBranches(made, s)
	b.fillScalars(made, s)
	b.fillItems(made, s)
	b.fillMembers(made, s)
}

// texts writes constants as JSON.
func texts(values []any) []string {
	list := make([]string, len(values))
	for i, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // it has been JSON before
		}
		list[i] = string(text)
	}
	return list
}

func (b *shapeBuilder) fillBranches(made *Shape, s *jsonschema.Schema) {
	for _, ref := range []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.DynamicRef} {
		if ref != nil {
			made.All = append(made.All, b.shape(ref))
		}
	}
	made.ask(len(made.All) > 0, "$ref")
	made.All = append(made.All, b.shapes(s.AllOf)...)
	made.AnyOf, made.OneOf, made.Not = b.shapes(s.AnyOf), b.shapes(s.OneOf), b.shape(s.Not)
	made.If, made.Then, made.Else = b.shape(s.If), b.shape(s.Then), b.shape(s.Else)
	made.ask(len(s.AllOf) > 0, "allOf")
	made.ask(len(s.AnyOf) > 0, "anyOf")
	made.ask(len(s.OneOf) > 0, "oneOf")
	made.ask(s.Not != nil, "not")
	made.ask(made.Then != nil || made.Else != nil, "if")
}

func (b *shapeBuilder) shapes(schemas []*jsonschema.Schema) (list []*Shape) {
	for _, s := range schemas {
		list = append(list, b.shape(s))
	}
	return list
}

func (b *shapeBuilder) fillScalars(made *Shape, s *jsonschema.Schema) {
	made.Min, made.Max, made.Above, made.Below = s.Minimum, s.Maximum, s.ExclusiveMinimum, s.ExclusiveMaximum
	made.MultipleOf, made.MinLength, made.MaxLength, made.Pattern = s.MultipleOf, s.MinLength, s.MaxLength, s.Pattern
	if asserted, _ := asserts(s, "format"); asserted {
		made.Format = s.Format
	}
	made.ask(s.Minimum != nil, "minimum")
	made.ask(s.Maximum != nil, "maximum")
	made.ask(s.ExclusiveMinimum != nil, "exclusiveMinimum")
	made.ask(s.ExclusiveMaximum != nil, "exclusiveMaximum")
	made.ask(s.MultipleOf != nil, "multipleOf")
	made.ask(s.MinLength != -1, "minLength")
	made.ask(s.MaxLength != -1, "maxLength")
	made.ask(s.Pattern != nil, "pattern")
	made.ask(made.Format != "", "format")
}

func (b *shapeBuilder) fillItems(made *Shape, s *jsonschema.Schema) {
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		made.Rest = b.shape(items)
	case []*jsonschema.Schema:
		made.Prefix, made.Rest = b.shapes(items), b.additional(made, "additionalItems", s.AdditionalItems)
	}
	if len(s.PrefixItems) > 0 {
		made.Prefix = b.shapes(s.PrefixItems)
	}
	if s.Items2020 != nil {
		made.Rest = b.shape(s.Items2020)
	}
	made.MinItems, made.MaxItems, made.Unique = s.MinItems, s.MaxItems, s.UniqueItems
	made.Contains, made.MinContains, made.MaxContains = b.shape(s.Contains), s.MinContains, s.MaxContains
	made.UnevaluatedItems = b.shape(s.UnevaluatedItems)
	made.EvaluatesItems = s.AdditionalItems == true || s.Contains != nil && s.ContainsEval
	made.ask(len(made.Prefix) > 0, "prefixItems")
	made.ask(made.Rest != nil, "items")
	made.ask(s.MinItems != -1, "minItems")
	made.ask(s.MaxItems != -1, "maxItems")
	made.ask(s.UniqueItems, "uniqueItems")
	made.ask(s.Contains != nil, "contains")
	made.ask(s.UnevaluatedItems != nil, "unevaluatedItems")
}

// additional reads what the library holds as nil, bool or *Schema.
func (b *shapeBuilder) additional(of *Shape, keyword string, value any) *Shape {
	switch value := value.(type) {
	case bool:
		if value {
			return nil
		}
		never := NewShape()
		never.ask(true, "false")
		never.Place, never.Never, never.Kinds, never.source = of.Place+"/"+keyword, true, 0, falseSchema
		return never
	case *jsonschema.Schema:
		return b.shape(value)
	}
	return nil
}

// falseSchema is the schema false.
var falseSchema = &jsonschema.Schema{Always: new(bool)}

func (b *shapeBuilder) fillMembers(made *Shape, s *jsonschema.Schema) {
	made.MinMembers, made.MaxMembers, made.Required = s.MinProperties, s.MaxProperties, s.Required
	made.Members = b.named(s.Properties)
	for _, text := range patternsOf(s) {
		made.Patterns = append(made.Patterns, PatternShape{text, b.shape(s.PatternProperties[text])})
	}
	made.Additional = b.additional(made, "additionalProperties", s.AdditionalProperties)
	made.Names, made.Unevaluated = b.shape(s.PropertyNames), b.shape(s.UnevaluatedProperties)
	made.Requires, made.Depends = make(map[string][]string), b.named(s.DependentSchemas)
	for given, names := range s.DependentRequired {
		made.Requires[given] = names
	}
	for given, dependency := range s.Dependencies {
		switch dependency := dependency.(type) {
		case []string:
			made.Requires[given] = append(made.Requires[given], dependency...)
		case *jsonschema.Schema:
			made.Depends[given] = b.shape(dependency)
		}
	}
	made.Evaluates = s.AdditionalProperties == true
	made.ask(s.MinProperties != -1, "minProperties")
	made.ask(s.MaxProperties != -1, "maxProperties")
	made.ask(len(s.Required) > 0, "required")
	made.ask(len(s.Properties) > 0, "properties")
	made.ask(len(made.Patterns) > 0, "patternProperties")
	made.ask(made.Additional != nil, "additionalProperties")
	made.ask(s.PropertyNames != nil, "propertyNames")
	made.ask(len(made.Requires) > 0, "dependentRequired")
	made.ask(len(made.Depends) > 0, "dependentSchemas")
	made.ask(s.UnevaluatedProperties != nil, "unevaluatedProperties")
}

func (b *shapeBuilder) named(schemas map[string]*jsonschema.Schema) map[string]*Shape {
	all := make(map[string]*Shape, len(schemas))
	for name, s := range schemas {
		all[name] = b.shape(s)
	}
	return all
}
