package event

// Signed is a document of a sensor, with its identity.
type Signed struct {
	Document
	// ID is event.id; if it is empty, Write makes and sets it, so that nothing is spent on
	// the events that no one reads.
	ID string
	// Sensor is observer.name; "" leaves it out.
	Sensor string

	writer signer // here, so that no call of Write allocates it
}

// Write implements [Document]: the fields of the document and, among them, event.id and
// observer.name.
func (s *Signed) Write(w Writer) {
	s.writer = signer{Writer: w, signed: s}
	s.Document.Write(&s.writer)
	s.writer.Writer = nil
}

// sign writes what belongs into a top-level object that has just been opened.
func (s *Signed) sign(w Writer, object string) {
	switch object {
	case "event":
		if s.ID == "" {
			s.ID = IdentityOf(s.Document, s.Sensor)
		}
		w.String("id", s.ID)
	case "observer":
		Optional(w, "name", s.Sensor)
	}
}

// signer adds fields to two objects of a document.
type signer struct {
	Writer
	signed *Signed
	depth  int
}

// Begin implements [Writer].
func (s *signer) Begin(name string) {
	s.Writer.Begin(name)
	if s.depth++; s.depth == 1 {
		s.signed.sign(s.Writer, name)
	}
}

// Item implements [Writer].
func (s *signer) Item() {
	s.Writer.Item()
	s.depth++
}

// End implements [Writer].
func (s *signer) End() {
	s.Writer.End()
	s.depth--
}
