package config

// This file reads mappings that may be written as one text.

import "go.yaml.in/yaml/v3"

// shortFor says which key a mapping stands for where it is written as a text: "schemas: folder" is "schemas: {dir:
// folder}". That key goes by the mapping's name as a flag and as a variable.
var shortFor = map[string]string{"schemas": "schemas.dir"}

// called returns the name of a key outside of the file.
func called(path string) string {
	for short, long := range shortFor {
		if path == long {
			return short
		}
	}
	return path
}

// writeOut turns the short forms in a file's tree into mappings. The number of a draft becomes the text that it is.
func writeOut(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], &root.Content[i+1]
		if key.Kind != yaml.ScalarNode || shortFor[key.Value] == "" || isNull(*value) {
			continue
		}
		written := *value
		if written.Kind == yaml.AliasNode {
			written = written.Alias
		}
		switch written.Kind {
		case yaml.ScalarNode:
			dir := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "dir", Line: written.Line, Column: written.Column}
			*value = &yaml.Node{
				Kind: yaml.MappingNode, Tag: "!!map", Line: written.Line, Column: written.Column,
				Content: []*yaml.Node{dir, written},
			}
		case yaml.MappingNode:
			draftAsText(written)
		}
	}
}

func draftAsText(mapping *yaml.Node) {
	for i := 0; i < len(mapping.Content); i += 2 {
		value := mapping.Content[i+1]
		if mapping.Content[i].Value == "draft" && value.Kind == yaml.ScalarNode && value.ShortTag() == "!!int" {
			value.Tag = "!!str"
		}
	}
}
