package asyncapi

// A document: its parts, and how it is written.

import (
	"bytes"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"redis-relay/config"
	"redis-relay/relay/schema"
)

// version is that of the documents that are written.
const version = "3.0.0"

// extension is the key of what AsyncAPI has no words for.
const extension = "x-redis-relay"

// Info is what a document says about itself.
type Info struct{ Title, Version string }

// Document is an AsyncAPI document.
type Document struct{ root *yaml.Node }

// New says the routes of a valid configuration, whose schemas are valid, too, as a document. It reads the schemas
// folder. The error names what cannot be said: a prefix with { or }, or a schema with $dynamicRef.
func New(cfg *config.Config, info Info) (*Document, error) {
	e, err := newExporter(cfg)
	if err != nil {
		return nil, err
	}
	e.addServers(cfg)
	for i := range cfg.Routes {
		if err := e.addRoute(&cfg.Routes[i]); err != nil {
			return nil, fmt.Errorf("routes[%d].prefix: %w", i, err)
		}
	}
	return &Document{mapping(
		pair{"asyncapi", text(version)},
		pair{"info", mapping(pair{"title", text(info.Title)}, pair{"version", text(info.Version)})},
		pair{"servers", someMapping(e.servers.all)},
		pair{"channels", e.channels},
		pair{"operations", e.operations},
		pair{"components", someMapping(mapping(
			pair{"messages", someMapping(e.messages)},
			pair{"schemas", someMapping(e.bundle.components)},
		))},
		pair{extension, someMapping(settingsOf(cfg))},
	)}, nil
}

// settingsOf are the settings that say what the routes mean.
func settingsOf(cfg *config.Config) *yaml.Node {
	own := mapping()
	if cfg.Unrouted != config.UnroutedAllow {
		set(own, "unrouted", text(string(cfg.Unrouted)))
	}
	return own
}

// WriteYAML writes the document as YAML.
func (d *Document) WriteYAML(w io.Writer) error { return writeYAML(w, d.root) }

// WriteJSON writes the document as JSON.
func (d *Document) WriteJSON(w io.Writer) error {
	_, err := io.Copy(w, bytes.NewReader(append(appendJSON(nil, d.root, ""), '\n')))
	return err
}

// exporter gathers the parts of a document.
type exporter struct {
	survey *schema.Survey // nil: no route has a schema
	bundle *bundle
	servers

	channels, operations, messages *yaml.Node
	channelNames, messageNames     taken
}

func newExporter(cfg *config.Config) (*exporter, error) {
	e := &exporter{
		bundle:   newBundle(),
		channels: mapping(), operations: mapping(), messages: mapping(), channelNames: taken{}, messageNames: taken{},
	}
	var names []string
	for i := range cfg.Routes {
		names = append(names, cfg.Routes[i].Schemas()...)
	}
	if len(names) == 0 {
		return e, nil
	}
	var err error
	if e.survey, err = schema.Look(cfg.Schemas.Dir, string(cfg.Schemas.Draft)); err != nil {
		return nil, err
	}
	sources, err := schema.Sources(cfg.Schemas.Dir, string(cfg.Schemas.Draft), names)
	if err != nil {
		return nil, fmt.Errorf("schemas: the schema cannot stand in another document: %w", err)
	}
	return e, e.bundle.add(sources)
}
