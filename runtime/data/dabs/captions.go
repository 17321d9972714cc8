package dabs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"mspecc/runtime/data"
	"mspecc/runtime/data/mersenne"
	"mspecc/runtime/data/picture"
	"mspecc/runtime/data/wordpiece"
)

var captionsReader = data.Builtin("captions", openCaptions)

// pair is a picture with a text.
type pair struct {
	picture      string // file, relative to the data folder
	question     string // its number, "" where a picture has but one text
	text, answer string
	label        int
}

// pairs is a data set of pictures with texts.
type pairs struct {
	s        *data.Source
	all      []pair
	stamps   []data.Stamp
	labels   data.Labels
	tokens   *wordpiece.Tokenizer
	answered bool // a text has a second part
	shape    []int
}

func (p *pairs) Len() int            { return len(p.all) }
func (p *pairs) Labels() data.Labels { return p.labels }

// Look has the vocabulary's tokens.
func (p *pairs) Look() data.Look { return data.Look{Words: p.tokens.Words()} }

// Origin is the picture, and the question where it has several.
func (p *pairs) Origin(i int, _ uint64) (data.Origin, error) {
	return data.Origin{File: p.all[i].picture, Record: p.all[i].question}, nil
}

func (p *pairs) Example(i int, _ uint64, e *data.Example) error {
	x := &p.all[i]
	raw, err := p.s.ReadWhole(x.picture, &p.stamps[i])
	if err != nil {
		return err
	}
	m, err := picture.Decode(raw, picture.Options{Channels: p.shape[0]})
	if err != nil {
		return p.s.Unreadable(x.picture, err)
	}
	// As torchvision's Resize((640, 480)), CenterCrop(480) and Resize do: 640 is the height.
	m = picture.Resize(m, 480, 640, picture.Bilinear).CenterCrop(480, 480)
	picture.Resize(m, p.shape[2], p.shape[1], picture.Bilinear).Planes(e.X, p.shape[0])
	var answer *string
	if p.answered {
		answer = &x.answer
	}
	p.tokens.Encode(e.Tokens, x.text, answer)
	e.Labels[0] = float64(x.label)
	return nil
}

func openCaptions(s *data.Source) (data.Dataset, data.Dataset, error) {
	var image, text *data.Input
	for i := range s.Want {
		if s.Want[i].Tokens {
			text = &s.Want[i]
		} else {
			image = &s.Want[i]
		}
	}
	if len(s.Want) != 2 || image == nil || text == nil || len(image.Shape) != 3 || image.Shape[0] != 3 || len(text.Shape) != 1 || text.Shape[0] < 3 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants %v, pictures with captions give image f32[3,height,width] and text i32[words]", s.Want),
			"use a kind such as image_text")
	}
	tokens, err := vocabulary(s, text.Vocab)
	if err != nil {
		return nil, nil, err
	}
	layout := s.Text("layout")
	seed, err := strconv.ParseUint(s.Text("swap_seed"), 10, 32)
	if err != nil {
		return nil, nil, s.BadOption("swap_seed", "a whole number")
	}
	part := func(train bool) (*pairs, error) {
		p := &pairs{s: s, tokens: tokens, answered: layout == "vqa", shape: image.Shape, labels: data.Labels{Classes: 2, Each: 1, Names: []string{"exchanged", "own"}}}
		var err error
		switch layout {
		case "coco", "mismatched":
			var names []string
			if p.all, names, err = coco(s, train); err == nil && layout == "coco" {
				p.labels = data.Labels{Classes: len(names), Each: 1, Names: names}
			} else if err == nil {
				mismatch(p.all, uint32(seed))
			}
		case "vqa":
			p.labels.Names = []string{"wrong", "right"}
			p.all, err = vqa(s, train, uint32(seed))
		default:
			err = s.BadOption("layout", "coco, mismatched or vqa")
		}
		if err == nil && len(p.all) == 0 {
			err = s.Fail("", "", "has no picture with a text", "give the annotations that belong to the pictures")
		}
		p.stamps = make([]data.Stamp, len(p.all))
		return p, err
	}
	train, err := part(true)
	if err != nil {
		return nil, nil, err
	}
	test, err := part(false)
	if err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

// vocabulary reads the tokenizer's file, whose ids must be below the model's number of tokens.
func vocabulary(s *data.Source, most int) (*wordpiece.Tokenizer, error) {
	lower, err := s.Boolean("lower")
	if err != nil {
		return nil, err
	}
	name := s.Text("vocabulary")
	f, err := s.OpenText("vocabulary", name, path.Join("COCO", name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := wordpiece.Read(f, lower)
	var own *data.Error
	if errors.As(err, &own) {
		return nil, own
	}
	if err != nil {
		return nil, s.Fail(f.Name, "", err.Error(), "give a vocabulary of BERT, such as vocab.txt of bert-base-uncased")
	}
	if t.Size() > most {
		return nil, s.Fail(f.Name, "", fmt.Sprintf("has %d tokens, the model knows %d", t.Size(), most), "raise the modality's vocab")
	}
	return t, nil
}

// annotations reads the elements of one list of a large JSON file, one after the other: only what E has is kept.
func annotations[E any](s *data.Source, name string, lists map[string]func(e E) error) error {
	f, err := s.OpenText("layout", name)
	if err != nil {
		return err
	}
	defer f.Close()
	d := json.NewDecoder(f)
	fail := func(err error) error {
		var bad *data.Error
		if errors.As(err, &bad) {
			return bad
		}
		return s.Fail(name, fmt.Sprintf("byte %d", d.InputOffset()), "is no JSON of the expected form: "+err.Error(), "fetch it again")
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fail(fmt.Errorf("expected an object: %v", err))
	}
	s.Progress("reading "+path.Base(name), 0, 1)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fail(err)
		}
		do := lists[fmt.Sprint(key)]
		if do == nil {
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return fail(err)
			}
			continue
		}
		if t, err := d.Token(); err != nil || t != json.Delim('[') {
			return fail(fmt.Errorf("%v is no list: %v", key, err))
		}
		for d.More() {
			var e E
			if err := d.Decode(&e); err != nil {
				return fail(err)
			}
			if err := do(e); err != nil {
				return fail(err)
			}
		}
		if _, err := d.Token(); err != nil {
			return fail(err)
		}
	}
	if _, err := d.Token(); err != nil { // a file that was cut off ends here
		return fail(err)
	}
	return nil
}

// cocoEntry is what is needed of an annotation, a category or an image.
type cocoEntry struct {
	ID       int    `json:"id"`
	Image    int    `json:"image_id"`
	Category int    `json:"category_id"`
	Caption  string `json:"caption"`
	Name     string `json:"name"`
	File     string `json:"file_name"`
}

// coco lists the images that have both captions and objects, in the order of their first
// caption: the last caption, and the kind of the last object.
func coco(s *data.Source, train bool) (all []pair, names []string, err error) {
	part := "val2017"
	if train {
		part = "train2017"
	}
	base, err := folder(s, "cocodataset.org", "annotations/captions_"+part+".json", ".", "COCO", "captioned_images/mscoco", "coco_mini")
	if err != nil {
		return nil, nil, err
	}
	instances := path.Join(base, "annotations/instances_"+part+".json")
	kinds, last := map[int]int{}, map[int]int{} // category to class; image to category
	err = annotations(s, instances, map[string]func(e cocoEntry) error{
		"categories": func(e cocoEntry) error {
			if _, twice := kinds[e.ID]; twice {
				return s.Fail(instances, fmt.Sprintf("category %d", e.ID), "is listed twice", "fetch it again")
			}
			kinds[e.ID] = len(names)
			names = append(names, e.Name)
			return nil
		},
		"annotations": func(e cocoEntry) error { last[e.Image] = e.Category; return nil },
	})
	if err != nil {
		return nil, nil, err
	}
	captions, order := map[int]string{}, []int{}
	err = annotations(s, path.Join(base, "annotations/captions_"+part+".json"), map[string]func(e cocoEntry) error{
		"annotations": func(e cocoEntry) error {
			if _, seen := captions[e.Image]; !seen {
				order = append(order, e.Image)
			}
			captions[e.Image] = e.Caption
			return nil
		},
	})
	if err != nil {
		return nil, nil, err
	}
	for _, id := range order {
		category, ok := last[id]
		if !ok {
			continue
		}
		class, ok := kinds[category]
		if !ok {
			return nil, nil, s.Fail(instances, fmt.Sprintf("image %d", id), fmt.Sprintf("has the category %d, which is not listed", category), "fetch it again")
		}
		all = append(all, pair{picture: path.Join(base, part, fmt.Sprintf("%012d.jpg", id)), text: captions[id], label: class})
	}
	return all, names, nil
}

// mismatch exchanges the captions of about half of the pairs among each other, by a rotation.
func mismatch(all []pair, seed uint32) {
	r := mersenne.Python(seed)
	var chosen []int
	for i := range all {
		all[i].label = 1
		if r.Float64() < 0.5 {
			chosen = append(chosen, i)
			all[i].label = 0
		}
	}
	if len(chosen) == 0 {
		return
	}
	roll := 1 + r.Below(len(chosen))
	texts := make([]string, len(chosen))
	for k, i := range chosen {
		texts[k] = all[i].text
	}
	for k, i := range chosen {
		all[i].text = texts[(k+roll)%len(chosen)]
	}
}

// vqaEntry is what is needed of an annotation, a question or an image of VQA.
type vqaEntry struct {
	ID       int      `json:"id"`
	File     string   `json:"file_name"`
	Image    int      `json:"image_id"`
	QID      int      `json:"question_id"`
	Question string   `json:"question"`
	Choices  []string `json:"multiple_choices"`
	Answer   string   `json:"multiple_choice_answer"`
}

// vqa lists the questions whose answer is among the choices; about half get another of the choices.
func vqa(s *data.Source, train bool, seed uint32) (all []pair, err error) {
	part := "val2014"
	if train {
		part = "train2014"
	}
	base, err := folder(s, "visualqa.org and cocodataset.org", "annotations/captions_"+part+".json", ".", "coco-vqa", "captioned_images/vqa/coco-vqa")
	if err != nil {
		return nil, err
	}
	images, questions := map[int]string{}, map[int]vqaEntry{}
	err = annotations(s, path.Join(base, "annotations/captions_"+part+".json"), map[string]func(e vqaEntry) error{
		"images": func(e vqaEntry) error { images[e.ID] = e.File; return nil },
	})
	if err != nil {
		return nil, err
	}
	err = annotations(s, path.Join(base, "MultipleChoice_mscoco_"+part+"_questions.json"), map[string]func(e vqaEntry) error{
		"questions": func(e vqaEntry) error {
			if _, twice := questions[e.QID]; twice {
				return s.Fail(base, fmt.Sprintf("question %d", e.QID), "is listed twice", "fetch the questions again")
			}
			questions[e.QID] = e
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	r := mersenne.Python(seed)
	name := path.Join(base, "mscoco_"+part+"_annotations.json")
	err = annotations(s, name, map[string]func(e vqaEntry) error{
		"annotations": func(e vqaEntry) error {
			q, known := questions[e.QID]
			file, pictured := images[e.Image]
			if !known || !pictured || !fs.ValidPath(file) {
				return s.Fail(name, fmt.Sprintf("question %d", e.QID), "has no question or no picture in the other files", "fetch them again")
			}
			if p, ok := answered(r, q, e.Answer); ok {
				p.picture, p.question = path.Join(base, part, file), strconv.Itoa(e.QID)
				all = append(all, p)
			}
			return nil
		},
	})
	return all, err
}

// answered makes the pair of a question with its answer or, half of the time, with another of
// the choices; false where the answer is none of them or the only one.
func answered(r *mersenne.Twister, q vqaEntry, answer string) (pair, bool) {
	var others []string
	found := false
	for _, c := range q.Choices {
		if c == answer {
			found = true
		} else {
			others = append(others, c)
		}
	}
	if !found {
		return pair{}, false
	}
	if r.Float64() >= 0.5 {
		return pair{text: q.Question, answer: answer, label: 1}, true
	}
	if len(others) == 0 {
		return pair{}, false
	}
	return pair{text: q.Question, answer: others[r.Below(len(others))], label: 0}, true
}
