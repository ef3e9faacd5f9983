package schema_test

// This file tests Check: the shipped schemas, the words of rejections, and use from many goroutines.

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"redis-relay/relay/schema"
)

const shipped = "../../schemas"

// chatMessage is a typical payload of 124 bytes.
const chatMessage = `{"type":"message","id":"m-1029","roomId":"42","userId":"u-77","message":"hello, how are",` +
	`"timestamp":"2026-01-02T03:04:05Z"}`

func ExampleChecker_Check() {
	set, err := schema.Load("../../schemas", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	checker, err := set.Checker("chat.json", "type")
	if err != nil {
		fmt.Println(err)
		return
	}
	kind, err := checker.Check([]byte(`{"type":"typing","roomId":"42","userId":"u-77"}`))
	fmt.Printf("%s %v\n", kind, err)
	_, err = checker.Check([]byte(`{"type":"message","userId":5}`))
	fmt.Println(err)
	// Output:
	// typing <nil>
	// /userId: expected string, but got number
}

func ExampleChecker_Compiled() {
	set, err := schema.Load("../../schemas", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range set.Names() {
		checker, err := set.Checker(name, "type")
		if err != nil {
			fmt.Println(err)
			return
		}
		if ok, keyword := checker.Compiled(); ok {
			fmt.Println(name, "is compiled")
		} else {
			fmt.Println(name, "falls back on", keyword)
		}
	}
	// Output:
	// chat.json is compiled
	// document.json is compiled
	// events.json is compiled
	// rejects.json is compiled
	// status.json is compiled
	// user.json is compiled
}

func TestShippedSchemas(t *testing.T) {
	tests := []struct{ file, payload, want string }{
		{"chat.json", chatMessage, ""},
		{
			"chat.json", `{"type":"message","id":"1","roomId":"r","userId":"u","message":"hi","timestamp":1767323045000,"x":[]}`,
			"",
		},
		{"chat.json", `{"type":"typing","roomId":"r","userId":"u"}`, ""},
		{"chat.json", `{"type":"message","userId":5}`, `/userId: expected string, but got number`},
		{"chat.json", `{"type":"message","id":"1"}`, `missing properties: 'roomId', 'userId', 'message', 'timestamp'`},
		{"chat.json", `{"type":"typing","roomId":"r"}`, `missing properties: 'userId'`},
		{"chat.json", `{"type":"typing","roomId":"","userId":"u"}`, `/roomId: length must be >= 1, but got 0`},
		{"chat.json", `{"type":"shout"}`, `/type: value must be one of "message", "typing"`},
		{"chat.json", `{"type":1}`, `/type: value must be one of "message", "typing"`},
		{"chat.json", `{"id":"1"}`, `missing properties: 'type'`},
		{"chat.json", `{"type":"message","timestamp":"soon"}`, `/timestamp: 'soon' is not valid 'date-time'`},
		{"chat.json", `{"type":"message","timestamp":1.5}`, `/timestamp: expected string or integer, but got number`},
		{"chat.json", `{"type":"message","timestamp":-1}`, `/timestamp: must be >= 0 but found -1`},
		{
			"chat.json", `{"type":"message","message":"` + strings.Repeat("x", 65537) + `"}`,
			`/message: length must be <= 65536, but got 65537`,
		},
		{"chat.json", `[]`, `expected object, but got array`},
		{"chat.json", `hello`, `at byte 0: invalid JSON: unexpected "h", expected a value`},
		{"chat.json", `1e1000001`, `at byte 0: exponent beyond 400`},
		{
			"user.json", `{"type":"notification","data":{"id":"n","userId":"u","type":"mention","title":"t","message":"m",` +
				`"timestamp":"2026-01-02T03:04:05.678+02:00","read":false}}`, "",
		},
		{"user.json", `{"type":"notification"}`, `missing properties: 'data'`},
		{
			"user.json", `{"type":"notification","data":{"read":true}}`,
			`/data: missing properties: 'id', 'userId', 'type', 'title', 'message', 'timestamp'`,
		},
		{"user.json", `{"type":"notification","data":{"read":"no"}}`, `/data/read: expected boolean, but got string`},
		{"user.json", `{"type":"message","data":1}`, `/data: expected object, but got number`},
		{"user.json", `{"type":"message"}`, `/type: value must be "notification"`},
		{"document.json", `{"type":"edit","userId":"u","edit":{"ops":[]},"timestamp":0}`, ""},
		{"document.json", `{"type":"edit","userId":"u","edit":"AAEC","timestamp":0}`, ""},
		{"document.json", `{"type":"edit","userId":"u","edit":[1,2],"timestamp":0}`, ""},
		{"document.json", `{"type":"cursor","userId":"u","position":7,"timestamp":0}`, ""},
		{"document.json", `{"type":"cursor","userId":"u","position":{"line":1,"column":0},"timestamp":0}`, ""},
		{"document.json", `{"type":"cursor","userId":"u","timestamp":0}`, `missing properties: 'position'`},
		{"document.json", `{"type":"edit","userId":"u","timestamp":0}`, `missing properties: 'edit'`},
		{"document.json", `{"type":"edit","edit":5}`, `/edit: expected object or array or string, but got number`},
		{"document.json", `{"type":"cursor","position":-1}`, `/position: must be >= 0 but found -1`},
		{"document.json", `{"type":"cursor","position":{"line":1}}`, `/position: missing properties: 'column'`},
		{
			"document.json", `{"type":"cursor","position":{"line":"1","column":1}}`,
			`/position/line: expected integer, but got string`,
		},
		{"document.json", `{"type":"message"}`, `/type: value must be one of "edit", "cursor"`},
	}
	for _, tt := range tests {
		_, err := mustChecker(t, shipped, tt.file).Check([]byte(tt.payload))
		if got := errorText(err); got != tt.want {
			t.Errorf("%s, %.80s: %q; want %q", tt.file, tt.payload, got, tt.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestCheckKind(t *testing.T) {
	set, err := schema.Load(writeFolder(t, map[string]string{"a.json": `{"required":["x"]}`}), "")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		schema, field, payload, kind string
		fails                        bool
	}{
		{"a.json", "type", `{"type":"k","x":1}`, "k", false},
		{"a.json", "type", `{"type":"k"}`, "k", true},
		{"a.json", "type", `{"type":"k"`, "", true},
		{"a.json", "", `{"type":"k","x":1}`, "", false},
		{"a.json", "", `plain`, "", true},
		{"", "type", `{"type":"k"}`, "k", false},
		{"", "type", `{"type":"k","type":"l"}`, "", false},
		{"", "type", "\x00\xff plain", "", false},
		{"", "", `{"type":"k"}`, "", false},
	}
	for _, tt := range tests {
		c, err := set.Checker(tt.schema, tt.field)
		if err != nil {
			t.Fatal(err)
		}
		kind, err := c.Check([]byte(tt.payload))
		if string(kind) != tt.kind || (err != nil) != tt.fails {
			t.Errorf("%+v: kind %q, error %v", tt, kind, err)
		}
	}
}

// TestReasons covers which cause is chosen and how it is cleaned.
func TestReasons(t *testing.T) {
	tests := map[string]struct{ schema, payload, want string }{
		"alternatives by tag": {
			`{"oneOf":[{"properties":{"t":{"const":"a"},"user":{"type":"string"}}},{"properties":{"t":{"const":"b"}}}]}`,
			`{"t":"a","user":5}`, `/user: expected string, but got number`,
		},
		"alternatives by type": {
			`{"properties":{"x":{"anyOf":[{"type":"null"},{"minimum":3}]}}}`, `{"x":1}`, `/x: must be >= 3 but found 1`,
		},
		"deepest": {
			`{"required":["z"],"items":{"type":"null"},"properties":{"a":{"items":{"type":"null"}}}}`,
			`{"a":[0]}`,
			`/a/0: expected null, but got number`,
		},
		"first item": {
			`{"items":{"type":"null"}}`,
			"[" + strings.Repeat("null,", 9) + "0,0]",
			`/9: expected null, but got number`,
		},
		"unwanted names sorted": {
			`{"additionalProperties":false}`,
			`{"c":1,"x, y":1,"a\\":1,"b'":1}`,
			`additionalProperties 'a\', 'b\'', 'c', 'x, y' not allowed`,
		},
		"false schema": {`{"properties":{"a":false}}`, `{"a":1}`, `/a: not allowed`},
		"pointer": {
			`{"additionalProperties":{"type":"null"}}`,
			`{"a b/~%\n":1}`,
			`/a b~1~0%\u000a: expected null, but got number`,
		},
		"long pointer": {
			`{"additionalProperties":{"type":"null"}}`,
			`{"` + strings.Repeat("k", 1000) + `":1}`,
			"/" + strings.Repeat("k", 119) + `...: expected null, but got number`,
		},
		"line breaks": {
			`{"$schema":"http://json-schema.org/draft-07/schema#","format":"ipv4"}`,
			`"\r\n\u2028\u0000"`,
			`'\r\n\u2028\x00' is not valid 'ipv4'`,
		},
		"not, a type":     {`{"not":{"type":["string","null"]}}`, `""`, `must not be of type string or null`},
		"not, a constant": {`{"properties":{"a":{"not":{"const":{"b":1}}}}}`, `{"a":{"b":1}}`, `/a: value must not be {"b":1}`},
		"not, constants":  {`{"not":{"enum":["a",1]}}`, `1.0`, `value must not be one of "a", "1"`},
		"not, a pattern":  {`{"not":{"pattern":"^a"}}`, `"ab"`, `must not match pattern '^a'`},
		"not, a name":     {`{"not":{"required":["a"]}}`, `{"a":1}`, `property 'a' is not allowed`},
		"not, names":      {`{"not":{"required":["a","b"]}}`, `{"a":1,"b":1}`, `properties 'a', 'b' are not allowed together`},
		"not, else": {
			`{"properties":{"x":{"not":{"type":"string","minLength":1}}}}`, `{"x":"a"}`,
			`/x: must not match the schema at a.json#/properties/x/not`,
		},
		"more than one": {
			`{"oneOf":[{"type":"string"},{"minimum":1},{"maxLength":3}]}`, `"a"`,
			`must match one schema of oneOf only, but matches those at indexes 0 and 1`,
		},
		"constant object":    {`{"const":{"a":[1]}}`, `{}`, `value must be {"a":[1]}`},
		"constants":          {`{"enum":[{"a":1},"b"]}`, `{}`, `value must be one of {"a":1}, "b"`},
		"contains too few":   {`{"contains":true,"minContains":2}`, `[1]`, `at least 2 items must match the schema of contains, but 1 does`},
		"contains too many":  {`{"contains":true,"maxContains":1}`, `[1,2]`, `at most 1 item may match the schema of contains, but 2 do`},
		"unevaluated":        {`{"unevaluatedProperties":false}`, `{"a":1}`, `/a: not allowed by unevaluatedProperties`},
		"unevaluated behind": {`{"$ref":"#/$defs/x","unevaluatedItems":false,"$defs":{"x":{"prefixItems":[true]}}}`, `[1,2]`, `/1: not allowed by unevaluatedItems`},
		"number":             {`{"multipleOf":0.1}`, `0.25`, `0.25 not multipleOf 0.1`},
		"exact numbers": {
			`{"maximum":9007199254740993}`,
			`9007199254740994`,
			`must be <= 9.007199254740992e+15 but found 9007199254740994`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := mustChecker(t, writeFolder(t, map[string]string{"a.json": tt.schema}), "a.json")
			for range 20 {
				_, err := c.Check([]byte(tt.payload))
				if got := errorText(err); got != tt.want {
					t.Fatalf("%q; want %q", got, tt.want)
				}
			}
		})
	}
}

func TestReasonIsShort(t *testing.T) {
	dir := writeFolder(t, map[string]string{"a.json": `{"maxProperties":1,"additionalProperties":false}`})
	c := mustChecker(t, dir, "a.json")
	var payload strings.Builder
	payload.WriteString(`{"first":1`)
	for i := range 10_000 {
		fmt.Fprintf(&payload, `,"%d\u0001é":1`, i)
	}
	payload.WriteString("}")
	_, err := c.Check([]byte(payload.String()))
	var refusal *schema.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("error %v; want an *Error", err)
	}
	if n := len(refusal.Reason); n > 220 || !utf8.ValidString(refusal.Reason) {
		t.Errorf("reason of %d bytes: %q", n, refusal.Reason)
	}
}

func TestFormatByDraft(t *testing.T) {
	dir := writeFolder(t, map[string]string{
		"7.json":      `{"$schema":"http://json-schema.org/draft-07/schema#","format":"ipv4"}`,
		"2020.json":   `{"$schema":"https://json-schema.org/draft/2020-12/schema","format":"ipv4"}`,
		"silent.json": `{"format":"ipv4"}`,
	})
	for name, asserts := range map[string]bool{"7.json": true, "2020.json": false, "silent.json": true} {
		if _, err := mustChecker(t, dir, name).Check([]byte(`"x"`)); (err != nil) != asserts {
			t.Errorf("%s: error %v; want one: %v", name, err, asserts)
		}
	}
}

func TestCheckConcurrently(t *testing.T) {
	c := mustChecker(t, shipped, "chat.json")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			payload := []byte(strings.Replace(chatMessage, "message", fmt.Sprintf("kind%d", i), 1))
			want := payload[9:14]
			for range 200 {
				kind, err := c.Check(payload)
				if err == nil || !bytes.Equal(kind, want) {
					t.Errorf("kind %q, error %v; want kind %q refused", kind, err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func FuzzCheck(f *testing.F) {
	set, err := schema.Load(shipped, "")
	if err != nil {
		f.Fatal(err)
	}
	var checkers []*schema.Checker
	for _, name := range set.Names() {
		c, err := set.Checker(name, "type")
		if err != nil {
			f.Fatal(err)
		}
		checkers = append(checkers, c)
	}
	for _, seed := range []string{
		chatMessage, `{"type":"cursor","position":{"line":1e400,"column":-0}}`, `{"type":"\r\n","\u0000":[1e-400]}`,
		`{"type":"message","timestamp":"2026-01-02T03:04:05\n"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, c := range checkers {
			_, err := c.Check(payload)
			_, again := c.Check(payload)
			if errorText(err) != errorText(again) {
				t.Fatalf("%v, then %v", err, again)
			}
			if text := errorText(err); strings.ContainsAny(text, "\r\n\x00") || !utf8.ValidString(text) || len(text) > 400 {
				t.Fatalf("unclean error %q", text)
			}
		}
	})
}
