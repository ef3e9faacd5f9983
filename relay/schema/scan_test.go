package schema

// This file tests the guard: what it refuses, that it agrees with encoding/json, and what it costs.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// chatMessage is a typical payload of 124 bytes.
const chatMessage = `{"type":"message","id":"m-1029","roomId":"42","userId":"u-77","message":"hello, how are",` +
	`"timestamp":"2026-01-02T03:04:05Z"}`

func TestGuardRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := map[string]struct {
		text string
		why  refusal
		at   int
	}{
		"empty":                      {"", malformed, 0},
		"space only":                 {" \t\r\n", malformed, 4},
		"byte order mark":            {"\xef\xbb\xbf{}", malformed, 0},
		"NUL":                        {"\x00", malformed, 0},
		"NUL after the value":        {"{}\x00", malformed, 2},
		"NUL between tokens":         {"{\x00}", malformed, 1},
		"NUL in a string":            {"\"a\x00\"", malformed, 2},
		"form feed as space":         {"\f1", malformed, 0},
		"newline in a string":        {"\"a\n\"", malformed, 2},
		"control in the eighth byte": {"\"1234567\x1f\"", malformed, 8},
		"trailing garbage":           {"{} x", malformed, 3},
		"two values":                 {"1 2", malformed, 2},
		"comma at the end":           {`[1,]`, malformed, 3},
		"comma in an object":         {`{"a":1,}`, malformed, 7},
		"comma first":                {`[,1]`, malformed, 1},
		"no comma":                   {`["a" "b"]`, malformed, 5},
		"no colon":                   {`{"a" 1}`, malformed, 5},
		"bare key":                   {`{a:1}`, malformed, 1},
		"single quotes":              {`{'a':1}`, malformed, 1},
		"comment":                    {`/**/1`, malformed, 0},
		"wrong bracket":              {`[1}`, malformed, 2},
		"literal misspelt":           {"nulL", malformed, 3},
		"literal cut":                {"tru", malformed, 3},
		"literal too long":           {"truex", malformed, 4},
		"capital literal":            {"True", malformed, 0},
		"NaN":                        {"NaN", malformed, 0},
		"infinity":                   {"-Infinity", malformed, 1},
		"leading zero":               {"01", malformed, 1},
		"leading plus":               {"+1", malformed, 0},
		"leading point":              {".5", malformed, 0},
		"trailing point":             {"1.", malformed, 2},
		"empty exponent":             {"1e+", malformed, 3},
		"hexadecimal":                {"0x1", malformed, 1},
		"minus alone":                {"-", malformed, 1},
		"unknown escape":             {`"\x41"`, malformed, 2},
		"short unicode escape":       {`"\u12"`, malformed, 5},
		"lone high surrogate":        {`"\ud800"`, loneSurrogate, 1},
		"lone low surrogate":         {`"x\udc00"`, loneSurrogate, 2},
		"high and then no low":       {`"\ud800\u0041"`, loneSurrogate, 1},
		"low before high":            {`"\udc00\ud800"`, loneSurrogate, 1},
		"invalid UTF-8":              {"\"a\xff\"", badUTF8, 2},
		"overlong UTF-8":             {"\"\xc0\xaf\"", badUTF8, 1},
		"surrogate in UTF-8":         {"\"\xed\xa0\x80\"", badUTF8, 1},
		"UTF-8 cut by the quote":     {"\"\xe2\x82\"", badUTF8, 1},
		"invalid UTF-8 in a key":     {"{\"\xff\":1}", badUTF8, 2},
		"duplicate key":              {`{"a":1,"a":2}`, duplicateKey, 7},
		"duplicate, one escaped":     {`{"a":1,"\u0061":2}`, duplicateKey, 7},
		"duplicate, both escaped":    {`{"\/b":1,"\u002fb":2}`, duplicateKey, 9},
		"duplicate empty key":        {`{"":1,"":2}`, duplicateKey, 6},
		"duplicate deep inside":      {`[{"a":{"b":1,"c":{},"b":2}}]`, duplicateKey, 20},
		"exponent that panics":       {"1e1000001", bigExponent, 0},
		"exponent that is slow":      {"1e999999", bigExponent, 0},
		"exponent just too big":      {"[1e401]", bigExponent, 1},
		"exponent just too small":    {"1E-401", bigExponent, 0},
		"exponent overflowing int":   {"1e99999999999999999999", bigExponent, 0},
		"number too long":            {strings.Repeat("1", MaxNumberLen+1), longNumber, 0},
		"fraction too long":          {"0." + strings.Repeat("1", 100_000), longNumber, 0},
		"too deep":                   {deep(MaxDepth + 1), tooDeep, MaxDepth},
		"very deep":                  {deep(100_000), tooDeep, MaxDepth},
		"very deep and cut":          {strings.Repeat(`{"a":`, 100_000), tooDeep, 5 * MaxDepth},
		"path of one key":            {`{"` + strings.Repeat("k", MaxPath) + `":1}`, longPath, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			kind, got := guard([]byte(tt.text), "type")
			if got.why != tt.why || got.at != tt.at || kind != nil {
				t.Errorf("guard(%.40q) = %q, fault %d at %d; want fault %d at %d",
					tt.text, kind, got.why, got.at, tt.why, tt.at)
			}
			if text := got.text([]byte(tt.text)); strings.ContainsAny(text, "\r\n") || text == "" {
				t.Errorf("text = %q; want one line", text)
			}
		})
	}
}

func TestGuardAccepts(t *testing.T) {
	tests := []string{
		`0`, `-0`, `1e400`, `1E-400`, `1e0000000400`, `0.5e+1`, strings.Repeat("1", MaxNumberLen),
		` null `, "\t[ ]\r\n", `{ }`, `true`, `false`, `""`, `"\""`, `"\\"`, `"\u0000"`, `"\ud83d\ude00"`,
		`"` + "\U0001f600\u00e9\ufffd\u2028" + `"`, `{"a":1,"A":1,"":1,"\u0000":1}`, `[{"a":1},{"a":1}]`,
		`{"a":{"a":{"a":1}}}`, `{"__proto__":1}`, chatMessage,
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
		`{"` + strings.Repeat("k", MaxPath-1) + `":1}`,
	}
	for _, text := range tests {
		if _, refused := guard([]byte(text), ""); refused.why != none {
			t.Errorf("guard(%.40q): %s", text, refused.text([]byte(text)))
		}
		if !json.Valid([]byte(text)) {
			t.Errorf("%.40q is not JSON", text)
		}
	}
}

func TestGuardTruncated(t *testing.T) {
	text := []byte(` {"type":"mess\u00e9age","n":-12.5e-1,"list":[true,false,null,{"\ud83d\ude00":""}],"é":{}}`)
	if _, refused := guard(text, "type"); refused.why != none {
		t.Fatal(refused.text(text))
	}
	for n := range text {
		cut := text[:n:n]
		kind, refused := guard(cut, "type")
		if refused.why != malformed && refused.why != loneSurrogate || kind != nil {
			t.Errorf("guard(%q) = %q, fault %d; want malformed", cut, kind, refused.why)
		}
		if refused.at > n || refused.text(cut) == "" {
			t.Errorf("guard(%q): fault at %d, beyond the end", cut, refused.at)
		}
	}
}

func TestGuardPathBoundsNesting(t *testing.T) {
	name := strings.Repeat("k", MaxPath/4)
	text := strings.Repeat(`{"`+name+`":`, 4) + "1" + strings.Repeat("}", 4)
	if _, refused := guard([]byte(text), ""); refused.why != longPath {
		t.Errorf("fault %d; want longPath", refused.why)
	}
}

// TestGuardManyKeys covers objects on both sides of fewKeys, and small ones inside large ones. Were the
// search quadratic, the largest would take most of a minute.
func TestGuardManyKeys(t *testing.T) {
	object := func(n int, last string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range n {
			fmt.Fprintf(&b, `"key%d":{"key%d":0},`, i, i)
		}
		return b.String() + last + `:0}`
	}
	for _, n := range []int{1, fewKeys - 1, fewKeys, fewKeys + 1, 1000, 100_000} {
		text := object(n, `"last"`)
		if _, refused := guard([]byte(text), ""); refused.why != none {
			t.Errorf("%d keys: %s", n, refused.text([]byte(text)))
		}
		for _, twice := range []string{`"key0"`, `"\u006bey0"`, fmt.Sprintf(`"key%d"`, n-1)} {
			text := object(n, twice)
			_, refused := guard([]byte(text), "")
			if refused.why != duplicateKey || text[refused.at:refused.end] != twice {
				t.Errorf("%d keys and %s: fault %d; want duplicateKey", n, twice, refused.why)
			}
		}
	}
}

func TestGuardKind(t *testing.T) {
	tests := []struct {
		text, field string
		want        []byte
	}{
		{`{"type":"message"}`, "type", []byte("message")},
		{`{"a":{"type":"x"},"type" : "y","z":1}`, "type", []byte("y")},
		{`{"a":{"type":"x"}}`, "type", nil},
		{`[{"type":"x"}]`, "type", nil},
		{`"type"`, "type", nil},
		{`{"type":""}`, "type", []byte("")},
		{`{"type":"\u0061\n\ud83d\ude00\/"}`, "type", []byte("a\n\U0001f600/")},
		{`{"\u0074ype":"x"}`, "type", []byte("x")},
		{`{"type":1}`, "type", nil},
		{`{"type":["x"]}`, "type", nil},
		{`{"type":null}`, "type", nil},
		{`{"Type":"x"}`, "type", nil},
		{`{"":"x"}`, "", nil},
		{`{"type":"x"`, "type", nil},
		{`{"type":"x","type":"y"}`, "type", nil},
	}
	for _, tt := range tests {
		kind, _ := guard([]byte(tt.text), tt.field)
		if !bytes.Equal(kind, tt.want) || (kind == nil) != (tt.want == nil) {
			t.Errorf("guard(%s, %q) = %#v; want %#v", tt.text, tt.field, kind, tt.want)
		}
	}
}

func TestGuardKindCannotGrowIntoPayload(t *testing.T) {
	text := []byte(`{"type":"a","b":1}`)
	kind, _ := guard(text, "type")
	_ = append(kind, "XXXX"...)
	if string(text) != `{"type":"a","b":1}` {
		t.Errorf("appending to the kind changed the payload: %s", text)
	}
}

func TestFaultText(t *testing.T) {
	tests := []struct{ text, want string }{
		{`{"a":}`, `at byte 5: invalid JSON: unexpected "}", expected a value`},
		{`[1`, `at byte 2: invalid JSON: unexpected end, expected ',' or ']'`},
		{"[\xff", `at byte 1: invalid JSON: unexpected "\xff", expected a value`},
		{"\ufeff{}", `at byte 0: invalid JSON: unexpected "\ufeff", expected a value`},
		{`{"a":1,"\u0061":1}`, `at byte 7: duplicate key "\u0061"`},
		{`1e999999`, `at byte 0: exponent beyond 400`},
	}
	for _, tt := range tests {
		_, refused := guard([]byte(tt.text), "")
		if got := refused.text([]byte(tt.text)); got != tt.want {
			t.Errorf("%q: %s; want %s", tt.text, got, tt.want)
		}
	}
}

// FuzzGuard holds the guard against encoding/json and against a second, slower reading of its own rules.
func FuzzGuard(f *testing.F) {
	for _, seed := range []string{
		chatMessage, `{"a":1,"\u0061":2}`, `["\ud800",1e1000001]`, "\"\xff\"", `{"type":"\u0041","b":[{}]}`,
		strings.Repeat("[", 65) + strings.Repeat("]", 65), ` [ true , -0.5E+7 ] `, "\ufeff1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		kind, refused := guard(text, "type")
		if !bytes.Equal(text, before) {
			t.Fatal("the guard changed the text")
		}
		valid := json.Valid(text)
		if refused.why == none && !valid {
			t.Fatal("the guard accepts what is not JSON")
		}
		if valid {
			if want := refusable(t, text); (refused.why != none) != want || refused.why == malformed {
				t.Fatalf("fault %d at %d of valid JSON; refusable %v", refused.why, refused.at, want)
			}
		}
		if refused.why == none {
			checkKind(t, text, kind)
		}
	})
}

var (
	loneHigh = regexp.MustCompile(`(?i)\\u(d[89ab][0-9a-f]{2})(\\u(d[c-f][0-9a-f]{2}))?`)
	anyLow   = regexp.MustCompile(`(?i)\\ud[c-f][0-9a-f]{2}`)
)

// refusable says whether valid JSON falls under one of the guard's own rules.
func refusable(t *testing.T, text []byte) bool {
	t.Helper()
	return !utf8.Valid(text) || hasLoneSurrogate(string(text)) || breaksStructure(t, text)
}

func hasLoneSurrogate(text string) bool {
	text = strings.ReplaceAll(text, `\\`, "")
	for _, m := range loneHigh.FindAllStringSubmatch(text, -1) {
		if m[3] == "" {
			return true
		}
	}
	return anyLow.MatchString(loneHigh.ReplaceAllString(text, ""))
}

// breaksStructure walks the tokens of encoding/json for depth, numbers, paths and duplicate keys.
func breaksStructure(t *testing.T, text []byte) bool {
	t.Helper()
	type level struct {
		seen map[string]bool // nil: an array
		key  bool            // a key comes next
		path int
	}
	var open []level
	path := 0
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		before := d.InputOffset()
		tok, err := d.Token()
		if err == io.EOF {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(open) > 0 {
			top := &open[len(open)-1]
			if name, ok := tok.(string); ok && top.seen != nil && top.key {
				raw := strings.TrimLeft(string(text[before:d.InputOffset()]), " \t\r\n,")
				path = top.path + len(raw) - 1
				if top.seen[name] || path > MaxPath {
					return true
				}
				top.seen[name], top.key = true, false
				continue
			}
			top.key = true
			if top.seen == nil {
				path = top.path
			}
		}
		switch tok := tok.(type) {
		case json.Number:
			if numberRefusable(string(tok)) {
				return true
			}
		case json.Delim:
			switch tok {
			case '{':
				open = append(open, level{seen: map[string]bool{}, key: true, path: path})
			case '[':
				path += 8
				open = append(open, level{path: path})
			default:
				open = open[:len(open)-1]
			}
			if len(open) > MaxDepth || path > MaxPath {
				return true
			}
		}
	}
}

func numberRefusable(number string) bool {
	if len(number) > MaxNumberLen {
		return true
	}
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return false
	}
	exponent, err := strconv.Atoi(number[i+1:])
	return err != nil || exponent > MaxExponent || exponent < -MaxExponent
}

func checkKind(t *testing.T, text, kind []byte) {
	t.Helper()
	doc, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	object, _ := doc.(map[string]any)
	want, ok := object["type"].(string)
	if ok != (kind != nil) || want != string(kind) {
		t.Fatalf("kind %q; want %q, %v", kind, want, ok)
	}
}

func BenchmarkGuard(b *testing.B) {
	long := strings.Replace(chatMessage, "hello", strings.Repeat("hello, wörld. ", 16<<10/15), 1)
	for name, text := range map[string]string{"124B": chatMessage, "16KiB": long} {
		b.Run(name, func(b *testing.B) {
			payload := []byte(text)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, refused := guard(payload, "type"); refused.why != none {
					b.Fatal(refused.text(payload))
				}
			}
		})
	}
}
