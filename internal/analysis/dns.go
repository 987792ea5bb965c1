package analysis

// isDenied reports whether the resolver has given no answer, by its action.
func isDenied(action string) bool {
	return action == "dns-blocked" || action == "dns-refused" || action == "dns-dropped"
}

// addQueries adds an event of the resolver, which stands for n queries.
func (a *Analysis) addQueries(n uint64) {
	l, q := a.line, a.qube()
	denied := uint64(0)
	if isDenied(l.text(fAction)) {
		denied = n
	}
	a.countQueries(q, n, denied)
	list := l.text(fList)
	if denied > 0 && list != "" {
		a.count(a.Lists, list, n)
	}
	a.addName(a.Names, l.text(fQuestion), list, n, denied)
	a.addName(q.Names, l.text(fQuestion), list, n, denied)
	a.addName(a.Domains, l.text(fDomain), list, n, denied)
	if denied > 0 {
		a.Timeline.at(l.at).Denied += n
		q.Timeline.at(l.at).Denied += n
	}
	q.extend(l.at, l.at)
}

func (a *Analysis) countQueries(q *Qube, n, denied uint64) {
	a.Queries, a.Denied = a.Queries+n, a.Denied+denied
	q.Queries, q.Denied = q.Queries+n, q.Denied+denied
}

func (a *Analysis) addName(names *Names, name, list string, n, denied uint64) {
	if name == "" {
		return
	}
	row, isNew := names.row(a.key(name))
	if isNew {
		row.Name = name
	}
	if denied > 0 {
		row.List = list
	}
	row.add(&Name{Queries: n, Denied: denied, Span: Span{a.line.at, a.line.at}})
}

// addTransaction adds an event of a protocol analyzer: its dataset is the protocol.
func (a *Analysis) addTransaction() {
	l := a.line
	kind := l.text(fType)
	if kind == "" || kind != l.text(fDataset) || !l.is(fKind, "event") {
		return // of another program: counted by dataset
	}
	q := a.qube()
	q.extend(l.at, l.at)
	a.count(q.Transactions, kind, 1)
	if kind == "dns" {
		a.countQueries(q, 1, 0)
		a.addName(a.Names, l.text(fQuestion), "", 1, 0)
		a.addName(q.Names, l.text(fQuestion), "", 1, 0)
		a.addName(a.Domains, l.text(fDomain), "", 1, 0)
	}
}
