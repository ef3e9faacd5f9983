package schema

// This file gives the library the schemas of the folder, spelled as the library needs them.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/drafts"
	"redis-relay/relay/schema/regex"
)

// serving is what one compiler of the library reads of the folder. Owned by one goroutine.
type serving struct {
	*folder
	compiler *jsonschema.Compiler
	served   []location // so far, in order
}

// load opens a schema for the library, and refuses what is not in the folder.
func (s *serving) load(target string) (io.ReadCloser, error) {
	if text, ok := drafts.MetaSchema(target); ok {
		return io.NopCloser(bytes.NewReader(text)), nil
	}
	found, err := s.find(target)
	if err != nil {
		return nil, err
	}
	s.served = append(s.served, found)
	text, err := s.spell(found)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

// last is the schema served last.
func (s *serving) last() location {
	if len(s.served) == 0 {
		return location{}
	}
	return s.served[len(s.served)-1]
}

// spell returns the text of a schema: with patterns that RE2 reads as ECMA-262 does, and with a $schema that the
// library knows.
func (f *folder) spell(l location) ([]byte, error) {
	read := f.open(l.file)
	if read.err != nil {
		return nil, read.err
	}
	read.served = true
	doc, err := decode(read.text)
	if err != nil {
		return nil, err
	}
	wrong := func(at, reason, wayOut string) error {
		reason = oneLine(at, maxPointer) + ": " + reason
		return &fileError{target: fileURL(l.file), inside: true, at: at, reason: reason, wayOut: wayOut}
	}
	if uri, ok := schemaOf(doc); ok && drafts.Of(uri) == nil {
		if err := f.spellDraft(l.file, uri, doc.(map[string]any)); err != nil {
			return nil, wrong("/$schema", err.Error(), "name draft 4, 6, 7, 2019-09 or 2020-12, as in "+
				`"http://json-schema.org/draft-07/schema", or let schemas.draft in relay.yaml say which draft such files are of`)
		}
	}
	drafts.Visit(doc, drafts.Version(read.draft), func(p drafts.Subschema) {
		if at, lacks := f.spellPatterns(p); lacks != "" && err == nil && p.Known {
			err = wrong(at, lacks, "write it otherwise: patterns are matched by RE2, in linear time")
		}
	})
	if err != nil {
		return nil, err
	}
	part := child(doc, l.at)
	if root, ok := part.(map[string]any); ok && l.at != "" {
		if uri, ok := schemaOf(doc); ok && root["$schema"] == nil {
			root["$schema"] = uri
		}
	}
	return json.Marshal(part)
}

// spellDraft takes a $schema out that names no draft, if the configuration says which draft is meant. A meta-schema
// in the folder stays.
func (f *folder) spellDraft(name, uri string, root map[string]any) error {
	meta, _, _ := strings.Cut(resolve(fileURL(name), uri), "#")
	if _, err := f.find(meta); err == nil && f.open(name).err == nil {
		return nil
	}
	if f.chosen {
		delete(root, "$schema")
		return nil
	}
	return fmt.Errorf("%q names no draft, and no schema of the folder is the meta-schema of that name", uri)
}

// spellPatterns spells the patterns of a schema for RE2. It returns the place of one that RE2 does not take, and why.
func (f *folder) spellPatterns(p drafts.Subschema) (at, lacks string) {
	if pattern, ok := p.Schema["pattern"].(string); ok {
		re2, why := f.spellPattern(pattern)
		p.Schema["pattern"], at, lacks = re2, p.At+"/pattern", why
	}
	patterns, ok := p.Schema["patternProperties"].(map[string]any)
	if !ok {
		return at, lacks
	}
	spelled := make(map[string]any, len(patterns))
	for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
		re2, why := f.spellPattern(pattern)
		if why != "" && lacks == "" {
			at, lacks = p.At+"/patternProperties/"+drafts.EscapeToken(pattern), why
		}
		for spelled[re2] != nil {
			re2 += "(?:)" // another pattern is the same
		}
		f.written[re2] = pattern
		spelled[re2] = patterns[pattern]
	}
	p.Schema["patternProperties"] = spelled
	return at, lacks
}

func (f *folder) spellPattern(pattern string) (re2, lacks string) {
	re2, lacks = regex.Translate(pattern)
	if lacks != "" {
		return pattern, fmt.Sprintf("%q has %s, which RE2 has not", pattern, lacks)
	}
	if _, err := regexp.Compile(re2); err != nil {
		return pattern, fmt.Sprintf("%q is no regular expression of ECMA-262 or RE2: %s", pattern, faultOf(err))
	}
	f.written[re2] = pattern
	return re2, ""
}

// faultOf returns what is wrong with a regular expression.
func faultOf(err error) string {
	if wrong, ok := err.(*syntax.Error); ok { //nolint:errorlint // never wrapped
		return string(wrong.Code)
	}
	return err.Error()
}

// nameWritten makes rejections show patterns as schemas have them, and not as RE2 reads them.
func (x *examiner) nameWritten(written map[string]string) {
	for _, c := range x.clauses {
		if c.pattern != nil && written[c.pattern.RE2()] != "" {
			c.pattern.Written = written[c.pattern.RE2()]
		}
	}
	for _, c := range x.clauses {
		if not := c.not.to; not != nil && onlyKeyword(not.schema) == "Pattern" {
			c.notWords = notMatching + quoted([]byte(not.pattern.Written))
		}
	}
}
