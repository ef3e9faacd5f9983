// Package asyncapi says the routes of a configuration as an AsyncAPI 3 document, and makes routes and schemas of such
// documents.
//
// # Writing
//
// [New] makes a document. A route is a channel whose address is its prefix and the parameter {name}. The kinds that the
// schemas tell apart, and those with a policy of their own, are its messages. That local processes may publish or
// listen are operations that send or receive. Each schema file is a component. References lead into components, and
// $id and anchors, which would change what they mean, are left out. A schema that means the same in draft 7 is an
// AsyncAPI Schema Object; any other is a Multi Format Schema Object that names its draft. What AsyncAPI has no words
// for stands under x-redis-relay, as in relay.yaml.
//
// # Reading
//
// [Read] makes routes and schema files of a document of AsyncAPI 2 or 3, YAML or JSON, and of the local files to which
// it refers. It opens nothing by network. A document that [New] made gives back its routes, and schemas that accept the
// same messages. Errors name the file, the line and the place.
//
// # Concurrency
//
// There is no state: any goroutine may call anything. A Document does not change after New.
package asyncapi
