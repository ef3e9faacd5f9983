package config

// This file reads the keys of relay.yaml off the struct tags: one source for
// the strict check, the environment, the flags and the printing.

import (
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// squash is the tag of a struct whose keys belong to the mapping around it.
const squash = ",squash"

var (
	durationType = reflect.TypeFor[time.Duration]()
	sizeType     = reflect.TypeFor[Size]()
)

// field is one key of a mapping: its name in the file, its place in the struct.
type field struct {
	name  string
	index []int
	typ   reflect.Type
	with  []int // what else is written with it, if it is a mapping then; nil: nothing
	more  []int // where the items behind the first go, if a list is taken, too; nil: it is not
}

// fieldsOf lists the keys of a struct in the order they are declared.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		switch tag := f.Tag.Get("koanf"); tag {
		case "", "-":
		case squash:
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
		default:
			one := field{name: tag, index: []int{i}, typ: f.Type}
			if more, ok := t.FieldByName(f.Tag.Get("more")); ok {
				one.more = more.Index
			}
			if with, ok := t.FieldByName(f.Tag.Get("with")); ok {
				one.with = with.Index
			}
			fields = append(fields, one)
		}
	}
	return fields
}

// leaves lists every key of the file that is not a group of keys. "routes" is
// one of them.
var leaves = leavesOf(reflect.TypeFor[Config](), "")

// leavesOf lists the leaves of a struct; their names are full paths.
func leavesOf(t reflect.Type, path string) []field {
	var found []field
	for _, f := range fieldsOf(t) {
		f.name = join(path, f.name)
		if f.typ.Kind() != reflect.Struct {
			found = append(found, f)
			continue
		}
		for _, inner := range leavesOf(f.typ, f.name) {
			inner.index = append(append([]int{}, f.index...), inner.index...)
			found = append(found, inner)
		}
	}
	return found
}

// leafAt finds a leaf by its path.
func leafAt(path string) (field, bool) {
	for _, f := range leaves {
		if called(f.name) == path {
			return f, true
		}
	}
	return field{}, false
}

// join appends a key to a path. A key that could be misread is quoted.
func join(path, key string) string {
	if key == "" || strings.ContainsFunc(key, special) {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// special reports whether a rune makes a key need quotes in a path.
func special(r rune) bool {
	return r != '_' && r != '-' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
}

// within reports whether a path is another one, or lies below it. All lie below "".
func within(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (other == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// around cuts the last part off a path.
func around(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// item appends a list index to a path.
func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
