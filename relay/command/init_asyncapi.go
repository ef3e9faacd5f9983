package command

// Routes and schemas from an AsyncAPI document.

import (
	"fmt"

	"redis-relay/relay/asyncapi"
)

// fromAsyncAPI reads a document. Its server becomes redis.url, unless the settings have one.
func fromAsyncAPI(file string, settings map[string]string) (*content, error) {
	read, err := asyncapi.Read(file)
	if err != nil {
		return nil, fmt.Errorf("--asyncapi: nothing was written:\n%w", err)
	}
	made := &content{routes: read.Routes, schemas: read.Schemas, upstreams: read.Upstreams}
	if _, set := settings["redis.url"]; !set && read.RedisURL != "" {
		settings["redis.url"] = read.RedisURL
		made.advice = append(made.advice, "redis.url is the document's server; add a user and password if it needs them")
	}
	if _, set := settings["unrouted"]; !set && read.Unrouted != "" {
		settings["unrouted"] = read.Unrouted
	}
	if len(read.Upstreams) > 0 {
		made.advice = append(made.advice, "upstreams has the document's other servers; add users and "+
			"passwords if they need them")
	}
	for _, note := range read.Notes {
		made.advice = append(made.advice, "note: "+note)
	}
	return made, nil
}
