package drafts

// What draft 7 makes of a schema of another draft.

// SameIn7 reports whether a document of another draft accepts the same values when it is read as draft 7. False is also
// the answer where that is not certain. asserts says that the document's formats are assertions.
func SameIn7(doc any, draft int, asserts bool) bool {
	if draft == Draft7 {
		return true
	}
	if draft == Draft4 {
		return false // its integers and its exclusive bounds are others
	}
	same := true
	Visit(doc, draft, func(p Subschema) {
		checks := 0
		for name := range p.Schema {
			k := Keywords[name]
			if !k.Checks {
				continue
			}
			checks++
			if k.In(draft) != k.In(Draft7) || name == "format" && !asserts {
				same = false
			}
		}
		if _, refers := p.Schema["$ref"]; refers && checks > 1 && draft > Draft7 {
			same = false // draft 7 overlooks what stands beside it
		}
		_, listed := p.Schema["items"].([]any)
		same = same && (!listed || draft == Draft6 || draft == Draft2019)
	})
	return same
}
