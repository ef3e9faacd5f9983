package command

// Schemas from sample messages.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"redis-relay/relay/schema"
	"redis-relay/relay/schema/infer"
)

// inferred is a schema that was made from messages.
type inferred struct {
	name string // of its file
	text []byte
}

// schemas makes a schema for each prefix that has samples.
func (s *start) schemas() (map[string]inferred, error) {
	messages, err := s.messages()
	if err != nil {
		return nil, err
	}
	made, taken := map[string]inferred{}, map[string]bool{}
	for _, prefix := range s.prefixes {
		if len(messages[prefix]) == 0 || made[prefix].name != "" {
			continue
		}
		name := schemaName(prefix)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d.json", strings.TrimSuffix(schemaName(prefix), ".json"), n)
		}
		taken[name] = true
		text, err := infer.Schema(prefix, messages[prefix])
		if err == nil {
			err = accepts(text, messages[prefix])
		}
		if err != nil {
			return nil, fmt.Errorf("--schema-from: of the messages for %s %w; nothing was written", prefix, err)
		}
		made[prefix] = inferred{name, text}
	}
	return made, nil
}

// schemaName makes a file's name of a prefix: chat.json of chat:.
func schemaName(prefix string) string {
	name := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' {
			return r
		}
		return '-'
	}, prefix)
	if name = strings.Trim(name, "-"); name == "" {
		name = "messages"
	}
	return name + ".json"
}

// messages reads the samples of each prefix. A file that names no prefix is for all that
// have no other.
func (s *start) messages() (map[string][][]byte, error) {
	own, all := map[string][][]byte{}, [][]byte(nil)
	for _, sample := range s.samples {
		if len(s.prefixes) == 0 {
			return nil, wrongUsage("--schema-from needs --prefix: which channels carry such messages?")
		}
		prefix, file, named := strings.Cut(sample, "=")
		named = named && slices.Contains(s.prefixes, prefix)
		if !named {
			file = sample
		}
		list, err := readMessages(file)
		if err != nil {
			return nil, fmt.Errorf("--schema-from: %w", err)
		}
		if named {
			own[prefix] = append(own[prefix], list...)
		} else {
			all = append(all, list...)
		}
	}
	for _, prefix := range s.prefixes {
		if own[prefix] == nil {
			own[prefix] = all
		}
	}
	return own, nil
}

// readMessages reads a message, several behind each other, or an array of them.
func readMessages(file string) (list [][]byte, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var message json.RawMessage
		err := dec.Decode(&message)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: behind %d messages: %w", file, len(list), err)
		}
		list = append(list, message)
	}
	var several []json.RawMessage
	if len(list) == 1 && json.Unmarshal(list[0], &several) == nil {
		list = nil
		for _, message := range several {
			list = append(list, message)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: holds no message", file)
	}
	return list, nil
}

// accepts loads a schema and tries it on the messages that it was made from: they may be
// what the relay takes from nobody, such as an object with a key twice.
func accepts(text []byte, messages [][]byte) (err error) {
	folder, err := os.MkdirTemp("", "redis-relay")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	const name = "sample.json"
	if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
		return err
	}
	set, err := schema.Load(folder, "")
	if err != nil {
		return err
	}
	checker, err := set.Checker(name, "")
	if err != nil {
		return err
	}
	for i, message := range messages {
		if _, err := checker.Check(message); err != nil {
			return fmt.Errorf("number %d: %w", i+1, err)
		}
	}
	return nil
}
