package schema

// This file tests which key of a message is reported.

import "testing"

func TestKeys(t *testing.T) {
	plain := loadText(t, `{"type":"object"}`).Keyed("id", map[string]string{"cursor": "userId", "view": "", "": "userId"})
	bare := (&Checker{kindField: "type"}).Keyed("", map[string]string{"cursor": "userId"})
	always := new(Checker).Keyed("id", nil)
	for _, tt := range []struct {
		checker        *Checker
		text, kind, of string
	}{
		{plain, `{"userId":"ann","type":"cursor","id":1}`, "cursor", `"ann"`},
		{plain, `{"type":"cursor", "userId" : 17 , "x":1}`, "cursor", "17"},
		{plain, `{"type":"cursor","userId":-1.5e3}`, "cursor", "-1.5e3"},
		{plain, "{\"type\":\"cursor\",\"userId\":true\n}", "cursor", "true"},
		{plain, `{"type":"cursor","user\u0049d":"a\u0020\"b"}`, "cursor", `"a\u0020\"b"`},
		{plain, `{"type":"cursor","userId":{"a":1}}`, "cursor", ""},
		{plain, `{"type":"cursor","userId":["a"]}`, "cursor", ""},
		{plain, `{"type":"cursor","id":1,"inner":{"userId":2}}`, "cursor", ""},
		{plain, `{"type":"view","userId":"ann","id":1}`, "view", ""},
		{plain, `{"type":"other","userId":"ann","id":1}`, "other", "1"},
		{plain, `{"type":"","userId":"ann","id":1}`, "", `"ann"`},
		{plain, `{"userId":"ann","id":1}`, "", "1"},
		{plain, `{"type":5,"userId":"ann","id":null}`, "", "null"},
		{bare, `{"type":"cursor","userId":"ann"}`, "cursor", `"ann"`},
		{bare, `{"type":"other","userId":"ann"}`, "other", ""},
		{bare, `no JSON`, "", ""},
		{always, `{"type":"cursor","id":"x"}`, "", `"x"`},
	} {
		kind, key, decided, err := tt.checker.Scan([]byte(tt.text))
		if string(kind) != tt.kind || string(key) != tt.of || (key == nil) != (tt.of == "") || !decided || err != nil {
			t.Errorf("%s: kind %q, key %q, decided %v, error %v", tt.text, kind, key, decided, err)
		}
	}
	if none := plain.Keyed("", map[string]string{"cursor": ""}); none.keys != nil {
		t.Error("a checker without keys looks for them")
	}
}
