// Package strict reads events as the strictest consumer would: JSON in UTF-8, no key
// twice in an object, every field defined in fields.yml, and every value of the type
// that it has there.
//
// Every test that reads events of the program or of a document passes here: package beat
// for files, package golden for documents.
package strict
