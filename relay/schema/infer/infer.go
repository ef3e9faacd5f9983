package infer

// A schema that accepts sample messages: what all values of one place have in common.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"redis-relay/relay/schema/format"
)

// Schema returns a JSON Schema that accepts the samples, which are JSON texts: it names their types, the fields
// that all objects of a place have, and the formats that all texts of a place have. Further fields are allowed. The
// schema is of draft 7, because draft 7 asserts format. The error names the first sample that is not JSON, counted
// from 1.
func Schema(title string, samples [][]byte) ([]byte, error) {
	if len(samples) == 0 {
		return nil, errors.New("there is no message to make a schema of")
	}
	all := &outline{}
	for i, sample := range samples {
		dec := json.NewDecoder(bytes.NewReader(sample))
		dec.UseNumber()
		if err := all.add(dec); err != nil {
			return nil, fmt.Errorf("message %d is no JSON: %w", i+1, err)
		}
	}
	from := fmt.Sprintf("%d messages", len(samples))
	if len(samples) == 1 {
		from = "one message"
	}
	fields := append([]member{
		{"$schema", asText("http://json-schema.org/draft-07/schema#")},
		{"title", asText(title)},
		{"description", asText("Made from " + from + ". Further fields are allowed.")},
	}, all.members()...)
	var b bytes.Buffer
	if err := json.Indent(&b, asObject(fields), "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// outline is what the values of one place have in common.
type outline struct {
	types   []string // of JSON Schema, in the order in which they came
	objects int
	names   []string // of fields, in the order in which they first came
	fields  map[string]*outline
	in      map[string]int // the number of objects that have the field
	items   *outline       // of all arrays; nil: no array had an item
	texts   int            // the number of texts
	formats []string       // the formats that all texts have
}

// add reads a value.
func (o *outline) add(dec *json.Decoder) error {
	token, err := dec.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return o.addObject(dec)
		}
		return o.addArray(dec)
	case string:
		o.addText(v)
	case json.Number:
		o.addNumber(v.String())
	case bool:
		o.is("boolean")
	case nil:
		o.is("null")
	}
	return nil
}

// is notes a type. An integer is a number, so where both come, only the wider one stays.
func (o *outline) is(name string) {
	for i, known := range o.types {
		switch {
		case known == name, known == "number" && name == "integer":
			return
		case known == "integer" && name == "number":
			o.types[i] = name
			return
		}
	}
	o.types = append(o.types, name)
}

func (o *outline) addNumber(text string) {
	if strings.ContainsAny(text, ".eE") {
		o.is("number")
	} else {
		o.is("integer")
	}
}

func (o *outline) addObject(dec *json.Decoder) error {
	o.is("object")
	o.objects++
	if o.fields == nil {
		o.fields, o.in = map[string]*outline{}, map[string]int{}
	}
	seen := map[string]bool{} // a key twice counts once; the relay refuses such a message
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // a key is one
		if o.fields[name] == nil {
			o.names = append(o.names, name)
			o.fields[name] = &outline{}
		}
		if !seen[name] {
			seen[name] = true
			o.in[name]++
		}
		if err := o.fields[name].add(dec); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

func (o *outline) addArray(dec *json.Decoder) error {
	o.is("array")
	for dec.More() {
		if o.items == nil {
			o.items = &outline{}
		}
		if err := o.items.add(dec); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// evident lists the formats that a text shows beyond doubt. hostname is not among them: any word is one.
var evident = []string{"date-time", "date", "time", "uuid", "email", "ipv4", "ipv6", "uri"}

func (o *outline) addText(text string) {
	o.is("string")
	o.texts++
	candidates := o.formats
	if o.texts == 1 {
		candidates = evident
	}
	var still []string
	for _, name := range candidates {
		if format.Of(name).Accepts([]byte(text)) && (name != "uri" || strings.Contains(text, "://")) {
			still = append(still, name)
		}
	}
	o.formats = still
}

// member is a key with its value in JSON.
type member struct {
	key   string
	value []byte
}

// members are the keywords that say what is known.
func (o *outline) members() (list []member) {
	switch len(o.types) {
	case 0:
	case 1:
		list = append(list, member{"type", asText(o.types[0])})
	default:
		list = append(list, member{"type", asText(o.types)})
	}
	if len(o.formats) > 0 {
		list = append(list, member{"format", asText(o.formats[0])})
	}
	var required []string
	var properties []member
	for _, name := range o.names {
		if o.in[name] == o.objects {
			required = append(required, name)
		}
		properties = append(properties, member{name, asObject(o.fields[name].members())})
	}
	if len(required) > 0 {
		list = append(list, member{"required", asText(required)})
	}
	if len(properties) > 0 {
		list = append(list, member{"properties", asObject(properties)})
	}
	if o.items != nil {
		list = append(list, member{"items", asObject(o.items.members())})
	}
	return list
}

// asText is a text, or a list of texts, in JSON.
func asText(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // of texts it does not fail
	return bytes.TrimSpace(b.Bytes())
}

func asObject(members []member) []byte {
	b := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, asText(m.key)...), ':'), m.value...)
	}
	return append(b, '}')
}
