package panel

import (
	"fmt"
	"regexp"
	"strings"
)

// condition is a part of a query in Kibana's language: a field that has one of some
// values, or any value, or that does not.
type condition struct {
	field  string
	values []string // nil for any
	quoted bool
	not    bool
}

// words are the tokens of the language.
var words = regexp.MustCompile(`"[^"\\]*"|[():]|[^\s():"]+|\S`)

// parseKQL reads the part of the language that dashboards of ours use: conditions of the
// form `f : v`, `f : (a or b)` and `f : *`, with `not` and `and`.
func parseKQL(query string) (all []condition, err error) {
	p := &kqlParser{tokens: words.FindAllString(query, -1)}
	for {
		c, err := p.condition()
		if err != nil {
			return nil, fmt.Errorf("%w in %q", err, query)
		}
		all = append(all, c)
		if p.at() == "" {
			return all, nil
		}
		if p.next() != "and" {
			return nil, fmt.Errorf("conditions are joined by something else than and in %q", query)
		}
	}
}

type kqlParser struct{ tokens []string }

func (p *kqlParser) at() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *kqlParser) next() (token string) {
	if token = p.at(); token != "" {
		p.tokens = p.tokens[1:]
	}
	return token
}

// fieldName is the name of a field.
var fieldName = regexp.MustCompile(`^[a-z@][\w@.]*$`)

func (p *kqlParser) condition() (c condition, err error) {
	if p.at() == "not" {
		c.not = p.next() != ""
	}
	if c.field = p.next(); !fieldName.MatchString(c.field) {
		return c, fmt.Errorf("no field where one is expected, but %q", c.field)
	}
	if p.next() != ":" {
		return c, fmt.Errorf("no colon behind %q", c.field)
	}
	switch p.at() {
	case "*":
		p.next()
		return c, nil
	case "(":
		p.next()
		return c, p.values(&c)
	}
	return c, p.value(&c)
}

// values reads what stands in brackets.
func (p *kqlParser) values(c *condition) error {
	for {
		if err := p.value(c); err != nil {
			return err
		}
		switch p.next() {
		case ")":
			return nil
		case "or":
		default:
			return fmt.Errorf("no or between the values of %q", c.field)
		}
	}
}

// plainValue is a value without quotes.
var plainValue = regexp.MustCompile(`^[\w.-]+$`)

func (p *kqlParser) value(c *condition) error {
	v := p.next()
	inner, quoted := strings.CutPrefix(v, `"`)
	if !quoted && !plainValue.MatchString(v) {
		return fmt.Errorf("%q is no value of %q", v, c.field)
	}
	c.quoted = quoted
	c.values = append(c.values, strings.TrimSuffix(inner, `"`))
	return nil
}

// search returns the condition as Kibana sends it.
func (c condition) search() object {
	var any []object
	kind := "match"
	if c.quoted {
		kind = "match_phrase"
	}
	for _, v := range c.values {
		any = append(any, object{kind: object{c.field: v}})
	}
	if c.values == nil {
		any = []object{{"exists": object{"field": c.field}}}
	}
	it := object{"bool": object{"should": any, "minimum_should_match": 1}}
	if c.not {
		return object{"bool": object{"must_not": it}}
	}
	return it
}
