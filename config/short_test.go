package config

// This file tests mappings that may be written as one text.

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestSchemasShortAndLong(t *testing.T) {
	for text, want := range map[string]Schemas{
		"schemas: s":                        {Dir: "s"},
		"schemas: {dir: s}":                 {Dir: "s"},
		"schemas: {dir: s, draft: 7}":       {Dir: "s", Draft: SchemaDraft7},
		"schemas: {draft: '4'}":             {Dir: "schemas", Draft: SchemaDraft4},
		"schemas: {draft: 2019-09}":         {Dir: "schemas", Draft: SchemaDraft2019},
		"schemas: {dir: s, draft: ''}":      {Dir: "s"},
		"schemas:":                          {Dir: "schemas"},
		"http: {listen: &s s}\nschemas: *s": {Dir: "s"},
	} {
		if got := mustLoad(t, text).Schemas; filepath.Base(got.Dir) != want.Dir || got.Draft != want.Draft {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestSchemasElsewhere(t *testing.T) {
	path := write(t, "schemas: {dir: file, draft: 4}")
	cfg, err := Load(Source{Path: path, Env: []string{"RELAY_SCHEMAS=/env"}, Flags: map[string]string{"schemas.draft": "2020-12"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Schemas{Dir: "/env", Draft: SchemaDraft2020}); cfg.Schemas != want {
		t.Errorf("%+v; want %+v", cfg.Schemas, want)
	}
}

func TestSchemasMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"log: {}\nschemas: 5":   ":2: schemas.dir: expected text, found the whole number",
		"schemas: {draft: 5}":   `schemas.draft: "5" is not known; write 4, 6, 7, 2019-09 or 2020-12`,
		"schemas: {draft: 1.5}": "schemas.draft: expected text",
		"schemas: [s]":          "schemas: expected a mapping",
		"schemas: {folder: s}":  "schemas.folder: unknown key",
	} {
		_, err := Read(Source{Path: write(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}
