// Package config reads relay.yaml and the settings laid over it, and says what
// is wrong with them.
//
// A value is looked for in four places, the later winning: the built-in
// defaults ([Default]), the file, the environment (RELAY_ and the key's path in
// capitals, RELAY_REDIS_URL) and flags (the key's path, --redis.url). [Load]
// is strict: an unknown key or variable, a wrong type or a duplicate key is an error
// that names the place it was written and the way out. [Config.Validate] then judges
// the values. Both report every problem they find, joined; [Read] does both, and leaves
// out what only follows from another mistake.
//
// Relative paths in schemas, redis.password_file, redis.sentinel.password_file, redis.tls.*, socket.password_file,
// nats.token_file, nats.leaf.credentials, nats.leaf.ca, http.token_file and
// alerts.webhook_token_file are taken from the folder of the config file, wherever the value
// came from, and come out of [Load] resolved. socket.path is taken from the working directory,
// as clients do.
//
// The package is the only importer of koanf, and imports no other package of the relay.
//
// # Ordering
//
// Load, then Validate, then use. The routes of a loaded Config keep the order
// of the file; their policies are resolved, so that a reader never has to look
// at a route to understand one of its kinds.
//
// # Concurrency
//
// Nothing here starts a goroutine or keeps state between calls. A Config is a
// plain value: any number of goroutines may read it as long as none writes.
package config

//go:generate go test -run ^TestEditorSchemaIsUpToDate$ -update .
