package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/eval"
)

type object = map[string]any

// openapi answers GET /openapi.json.
func (s *Server) openapi(w http.ResponseWriter, _ *http.Request) {
	s.deadline(w, s.Write)
	w.Header().Set("Content-Type", typeJSON)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(OpenAPI(s.Machine.Program, s.Learned, s.Token != ""))
}

// OpenAPI describes the API of a program's server, in OpenAPI 3.1, for a model with what its reader has learned.
func OpenAPI(p *runtime.Program, l data.Learned, token bool) map[string]any {
	r := newReader(p.Modality, l)
	width, _ := eval.Width(p) // 0 where the program has no features; New refuses it
	one := r[0].schema()
	if len(r) > 1 {
		members, names := object{}, []string{}
		for _, in := range r {
			members[in.name] = in.schema()
			names = append(names, in.name)
		}
		one = object{"type": "object", "required": names, "additionalProperties": false, "properties": members}
	}
	doc := object{
		"openapi": "3.1.0",
		"info": object{"title": "Embeddings of " + p.Name, "version": "1", "description": fmt.Sprintf(
			"Features of %s for the modality %s. An input is %s; its features are %d numbers. Where the reader of the training data standardised the values, they are as in the files. Features of an input do not depend on the other inputs, "+
				"apart from the last digits, which depend on the size of the batch that it was computed in.", p.Name, p.Modality.Name, r.typeString(), width)},
		"paths": object{
			"/v1/embeddings": object{"post": embeddingsPath(r, one, width)},
			"/v1/model":      object{"get": simple("model", "What is served", typeJSON, object{"type": "object"}, true)},
			"/metrics":       object{"get": simple("metrics", "Metrics in the text format of Prometheus", "text/plain", object{"type": "string"}, true)},
			"/openapi.json":  object{"get": simple("openapi", "This description", typeJSON, object{"type": "object"}, true)},
			"/healthz":       object{"get": simple("health", "The process answers", "text/plain", object{"type": "string"}, false)},
			"/readyz":        object{"get": ready()},
		},
		"components": object{"schemas": object{"Error": object{"type": "object", "required": []string{"error"}, "properties": object{"error": object{
			"type": "object", "required": []string{"code", "message"}, "properties": object{
				"code":    object{"type": "string", "description": "What happened, for programs"},
				"message": object{"type": "string", "description": "What happened and what was expected, for people"}}}}}}},
	}
	if token {
		doc["components"].(object)["securitySchemes"] = object{"token": object{"type": "http", "scheme": "bearer"}}
		doc["security"] = []any{object{"token": []string{}}}
	}
	return doc
}

// schema is an input in JSON: nested lists, a flat one, or a text.
func (in input) schema() object {
	number := object{"type": "number"}
	if in.tokens {
		number = object{"type": "integer", "minimum": 0, "maximum": in.vocab - 1}
	}
	nested := number
	for i := len(in.shape) - 1; i >= 0; i-- {
		nested = list(nested, in.shape[i])
	}
	switch {
	case in.text != nil:
		return object{"oneOf": []any{nested, object{"type": "string", "description": "A text, which the model's vocabulary turns into tokens"}}}
	case len(in.shape) == 1 && in.columns == nil:
		return nested
	case len(in.shape) == 1:
		return object{"oneOf": []any{nested, in.named(number)}}
	case in.columns != nil:
		return object{"oneOf": []any{nested, list(number, in.size), in.named(number)}}
	}
	return object{"oneOf": []any{nested, list(number, in.size)}}
}

// named is an input as an object with the columns of the training data.
func (in input) named(number object) object {
	members, names := object{}, []string{}
	for _, c := range in.columns {
		of := number
		for i := len(c.shape) - 1; i >= 0; i-- {
			of = list(of, c.shape[i])
		}
		members[c.name] = of
		names = append(names, c.name)
	}
	return object{"type": "object", "required": names, "additionalProperties": false, "properties": members,
		"description": "The columns of the training data, in any order"}
}

func list(of object, n int) object {
	return object{"type": "array", "items": of, "minItems": n, "maxItems": n}
}

func failureResponse(text string) object {
	return object{"description": text, "content": object{typeJSON: object{"schema": object{"$ref": "#/components/schemas/Error"}}}}
}

// statuses are the answers of POST /v1/embeddings beside 200.
var statuses = map[int]string{
	http.StatusBadRequest:            "The body cannot be understood, or an input has another shape",
	http.StatusUnauthorized:          "The token is missing or wrong",
	http.StatusForbidden:             "Without a token only requests to localhost are answered",
	http.StatusRequestTimeout:        "The body did not arrive in time",
	http.StatusRequestEntityTooLarge: "The body or the number of inputs is too large",
	http.StatusUnsupportedMediaType:  "The body is neither JSON nor raw numbers",
	http.StatusUnprocessableEntity:   "The features of an input are not finite",
	http.StatusTooManyRequests:       "Too much is waiting already; try again later",
	http.StatusInternalServerError:   "The computation failed",
	http.StatusServiceUnavailable:    "The server is stopping, or the features were not ready in time",
}

func embeddingsPath(r reader, one object, width int) object {
	features := object{"type": "array", "items": list(object{"type": "number"}, width)}
	responses := object{"200": object{"description": "The features, in the order of the inputs",
		"headers": object{"X-Features-Shape": object{"description": "Number of inputs and of features of each, such as 3," + strconv.Itoa(width), "schema": object{"type": "string"}}},
		"content": object{
			typeJSON: object{"schema": object{"type": "object", "required": []string{"features", "width", "model", "modality", "step"}, "properties": object{
				"features": features, "width": object{"type": "integer"}, "model": object{"type": "string"}, "modality": object{"type": "string"}, "step": object{"type": "integer"}}}},
			typeRaw: object{"schema": object{"type": "string", "format": "binary", "description": "[inputs, features] little-endian float32"}}}}}
	for status, text := range statuses {
		responses[strconv.Itoa(status)] = failureResponse(text)
	}
	return object{
		"operationId": "embed", "summary": "Features of inputs",
		"requestBody": object{"required": true, "content": object{
			typeJSON: object{"schema": object{"type": "object", "required": []string{"inputs"}, "additionalProperties": false,
				"properties": object{"inputs": object{"type": "array", "minItems": 1, "items": one}}}},
			typeRaw: object{"schema": object{"type": "string", "format": "binary",
				"description": fmt.Sprintf("Any number of inputs, one after another: each %s, row-major, little-endian, 4 bytes a number", r.typeString())}}}},
		"responses": responses,
	}
}

// simple is an operation without a body.
func simple(id, summary, kind string, schema object, guarded bool) object {
	o := object{"operationId": id, "summary": summary,
		"responses": object{"200": object{"description": summary, "content": object{kind: object{"schema": schema}}}}}
	if !guarded {
		o["security"] = []any{}
		return o
	}
	o["responses"].(object)["401"] = failureResponse(statuses[http.StatusUnauthorized])
	o["responses"].(object)["403"] = failureResponse(statuses[http.StatusForbidden])
	return o
}

func ready() object {
	o := simple("ready", "The server takes requests", "text/plain", object{"type": "string"}, false)
	o["responses"].(object)["503"] = object{"description": "The server is stopping", "content": object{"text/plain": object{"schema": object{"type": "string"}}}}
	return o
}
