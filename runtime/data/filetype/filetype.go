// Package filetype names files by their first bytes. A reader that is given something else than it reads says with
// it what the file is and what makes it one that is read, instead of calling it damaged.
package filetype

import (
	"bytes"
	"fmt"
	"strings"
)

// Type is a kind of file.
type Type struct {
	Name string // with its article, such as "a NIST SPHERE recording"
	Fix  string // what turns it into a file that is read
	Kind Kind
}

// Kind is what a file holds.
type Kind int

// The kinds of files.
const (
	Misc Kind = iota
	Picture
	Sound // or a film, which has some
	Packed
	Table
)

// HeadSize is the number of first bytes that Of wants; fewer will mostly do.
const HeadSize = 512

// Error says that a file is sound, but of a kind, or of a variant of a kind, that is not read.
type Error struct {
	Msg string // what it is
	Fix string // what to do
}

// Error is the message without the advice.
func (e *Error) Error() string { return e.Msg }

// Unread makes the error of a sound file of a kind that is not read.
func Unread(fix, format string, a ...any) error { return &Error{fmt.Sprintf(format, a...), fix} }

// Other is the error of a file that is no expected ("no picture"): it names what the file is, where that is known, and
// else what would be read.
func Other(head []byte, expected, known string) error {
	if t, ok := Of(head); ok {
		return &Error{"is " + t.Name + ", " + expected, t.Fix}
	}
	return fmt.Errorf("is %s; %s", expected, known)
}

// signature is what the files of a type begin with, or have at a place; ? stands for any byte.
type signature struct {
	at    int
	magic string
	Type
}

func (s signature) matches(head []byte) bool {
	if len(head) < s.at+len(s.magic) {
		return false
	}
	for i := range len(s.magic) {
		if s.magic[i] != '?' && s.magic[i] != head[s.at+i] {
			return false
		}
	}
	return true
}

// Of says what a file with these first bytes is.
func Of(head []byte) (Type, bool) {
	for _, group := range groups {
		for _, s := range group.all {
			if s.matches(head) {
				s.Kind = group.kind
				return s.Type, true
			}
		}
	}
	text := bytes.ToLower(bytes.TrimLeft(head[:min(len(head), 256)], "\xef\xbb\xbf \t\r\n"))
	for _, s := range marked {
		if s.matches(text) {
			return s.Type, true
		}
	}
	return Type{}, false
}

// groups are the signatures of each kind.
var groups = []struct {
	kind Kind
	all  []signature
}{{Picture, pictures}, {Sound, sounds}, {Packed, packed}, {Table, tables}, {Misc, others}}

// What to do about most files of a kind.
const (
	toPNG     = "convert it to PNG, such as by ImageMagick's magick IN OUT.png"
	toWAV     = "convert it to WAV, such as by ffmpeg -i IN OUT.wav"
	toTIFF    = "convert it to TIFF or NumPy's .npy"
	toParquet = "convert it to Parquet, CSV or NumPy's .npy, such as by pandas"
	unpack    = "unpack it"
	toFrames  = "take the sound out by ffmpeg -i IN OUT.wav, or pictures by ffmpeg -i IN OUT-%06d.png"
)

// unnamed are the patient and the recording of an EDF file, before the day of its start.
var unnamed = strings.Repeat("?", 160)

// byReader is the advice for a file that another reader reads.
func byReader(name string) string { return "read it with the reader " + name }

var pictures = []signature{
	{0, "\xff\xd8\xff", Type{Name: "a JPEG picture", Fix: byReader("images")}},
	{0, "\x89PNG\r\n\x1a\n", Type{Name: "a PNG picture", Fix: byReader("images")}},
	{0, "GIF8", Type{Name: "a GIF picture", Fix: byReader("images")}},
	{0, "RIFF????WEBP", Type{Name: "a WebP picture", Fix: byReader("images")}},
	{0, "II*\x00", Type{Name: "a TIFF", Fix: byReader("images")}},
	{0, "MM\x00*", Type{Name: "a TIFF", Fix: byReader("images")}},
	{0, "II+\x00", Type{Name: "a BigTIFF", Fix: byReader("images")}},
	{0, "MM\x00+", Type{Name: "a BigTIFF", Fix: byReader("images")}},
	{4, "ftypavif", Type{Name: "an AVIF picture", Fix: toPNG}},
	{4, "ftypavis", Type{Name: "an AVIF picture", Fix: toPNG}},
	{4, "ftyphei", Type{Name: "an HEIC picture", Fix: toPNG}},
	{4, "ftyphev", Type{Name: "an HEIC picture", Fix: toPNG}},
	{4, "ftypmif1", Type{Name: "an HEIF picture", Fix: toPNG}},
	{4, "ftypmsf1", Type{Name: "an HEIF picture", Fix: toPNG}},
	{0, "\x00\x00\x00\x0cjP  \r\n\x87\n", Type{Name: "a JPEG 2000 picture", Fix: toPNG}},
	{0, "\xff\x4f\xff\x51", Type{Name: "a JPEG 2000 picture", Fix: toPNG}},
	{0, "\x00\x00\x00\x0cJXL \r\n\x87\n", Type{Name: "a JPEG XL picture", Fix: toPNG}},
	{0, "\xff\x0a", Type{Name: "a JPEG XL picture", Fix: toPNG}},
	{0, "II\xbc", Type{Name: "a JPEG XR picture", Fix: toPNG}},
	{0, "8BPS", Type{Name: "a Photoshop picture", Fix: toPNG}},
	{0, "DDS ", Type{Name: "a DirectDraw picture", Fix: toPNG}},
	{0, "\x00\x00\x01\x00", Type{Name: "an icon file", Fix: toPNG}},
	{0, "\x76\x2f\x31\x01", Type{Name: "an OpenEXR picture", Fix: "convert it to a TIFF of floating-point samples"}},
	{0, "#?RADIANCE", Type{Name: "a Radiance HDR picture", Fix: "convert it to a TIFF of floating-point samples"}},
	{0, "PF\n", Type{Name: "a portable float map", Fix: "convert it to a TIFF of floating-point samples"}},
	{0, "Pf\n", Type{Name: "a portable float map", Fix: "convert it to a TIFF of floating-point samples"}},
	{0, "P7\n", Type{Name: "a PAM picture", Fix: toPNG}},
	{0, "qoif", Type{Name: "a QOI picture", Fix: toPNG}},
	{0, "gimp xcf", Type{Name: "a picture of the GIMP", Fix: toPNG}},
	{0, "\x59\xa6\x6a\x95", Type{Name: "a Sun raster picture", Fix: toPNG}},
	{0, "\x01\xda", Type{Name: "an SGI picture", Fix: toPNG}},
	{0, "AT&TFORM", Type{Name: "a DjVu document", Fix: toPNG}},
	{0, "%PDF-", Type{Name: "a PDF document", Fix: "convert its pages to PNG, such as by pdftoppm -png"}},
	{0, "%!PS", Type{Name: "a PostScript document", Fix: toPNG}},
	{128, "DICM", Type{Name: "a DICOM file", Fix: "convert it to PNG of 16 bits, TIFF or NumPy's .npy, such as by pydicom"}},
	{344, "n+1\x00", Type{Name: "a NIfTI volume", Fix: "convert it to NumPy's .npy, such as by nibabel"}},
	{0, "SIMPLE  =", Type{Name: "a FITS file", Fix: "convert it to NumPy's .npy, such as by astropy"}},
	{0, "NRRD000", Type{Name: "an NRRD volume", Fix: toTIFF}},
	{208, "MAP ", Type{Name: "an MRC volume", Fix: toTIFF}},
}

var sounds = []signature{
	{0, "RIFF????WAVE", Type{Name: "a WAV recording", Fix: byReader("audio")}},
	{0, "RIFX????WAVE", Type{Name: "a WAV recording", Fix: byReader("audio")}},
	{0, "RF64????WAVE", Type{Name: "a WAV recording of RF64", Fix: byReader("audio")}},
	{0, "BW64????WAVE", Type{Name: "a WAV recording of BW64", Fix: byReader("audio")}},
	{0, "fLaC", Type{Name: "a FLAC recording", Fix: byReader("audio")}},
	{0, "NIST_1A", Type{Name: "a NIST SPHERE recording, as in TIMIT", Fix: "convert it to WAV, such as by sox IN OUT.wav or sph2pipe -f rif IN OUT.wav"}},
	{0, "riff\x2e\x91\xcf\x11", Type{Name: "a Wave64 recording", Fix: toWAV}},
	{0, "FORM????AIFF", Type{Name: "an AIFF recording", Fix: toWAV}},
	{0, "FORM????AIFC", Type{Name: "an AIFF-C recording", Fix: toWAV}},
	{0, "FORM????8SVX", Type{Name: "an 8SVX recording", Fix: toWAV}},
	{0, "caff", Type{Name: "a CAF recording", Fix: toWAV}},
	{0, ".snd", Type{Name: "an AU recording", Fix: toWAV}},
	{0, "dns.", Type{Name: "an AU recording", Fix: toWAV}},
	{0, "OggS", Type{Name: "an Ogg recording (Vorbis, Opus or FLAC)", Fix: toWAV}},
	{0, "ID3", Type{Name: "an MP3 recording", Fix: toWAV}},
	{0, "\xff\xfb", Type{Name: "an MP3 recording", Fix: toWAV}},
	{0, "\xff\xfa", Type{Name: "an MP3 recording", Fix: toWAV}},
	{0, "\xff\xf3", Type{Name: "an MP3 recording", Fix: toWAV}},
	{0, "\xff\xf2", Type{Name: "an MP3 recording", Fix: toWAV}},
	{0, "\xff\xf1", Type{Name: "an AAC recording", Fix: toWAV}},
	{0, "\xff\xf9", Type{Name: "an AAC recording", Fix: toWAV}},
	{4, "ftypM4A", Type{Name: "an MPEG-4 recording", Fix: toWAV}},
	{0, "wvpk", Type{Name: "a WavPack recording", Fix: toWAV}},
	{0, "MAC ", Type{Name: "a Monkey's Audio recording", Fix: toWAV}},
	{0, "TTA1", Type{Name: "a True Audio recording", Fix: toWAV}},
	{0, "ajkg", Type{Name: "a Shorten recording", Fix: toWAV}},
	{0, "#!AMR", Type{Name: "an AMR recording", Fix: toWAV}},
	{0, "Creative Voice File", Type{Name: "a VOC recording", Fix: toWAV}},
	{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", Type{Name: "a recording of Windows Media", Fix: toWAV}},
	{0, "MThd", Type{Name: "a MIDI file, which holds notes and no sound", Fix: "render it to WAV, such as by fluidsynth"}},
	{0, "RIFF????AVI ", Type{Name: "an AVI film", Fix: toFrames}},
	{4, "ftyp", Type{Name: "an MPEG-4 film", Fix: toFrames}},
	{0, "\x1a\x45\xdf\xa3", Type{Name: "a Matroska or WebM film", Fix: toFrames}},
	{0, "0       " + unnamed + "??.??.??", Type{Name: "an EDF recording", Fix: "convert it to NumPy's .npy or CSV, such as by mne or pyedflib"}},
	{0, "\xffBIOSEMI", Type{Name: "a BDF recording", Fix: "convert it to NumPy's .npy or CSV, such as by mne or pyedflib"}},
}

var packed = []signature{
	{0, "\x1f\x8b", Type{Name: "a gzip stream", Fix: "unpack it with gunzip"}},
	{0, "BZh", Type{Name: "a bzip2 stream", Fix: "unpack it with bunzip2"}},
	{0, "\xfd7zXZ\x00", Type{Name: "an xz stream", Fix: "unpack it with unxz"}},
	{0, "\x28\xb5\x2f\xfd", Type{Name: "a Zstandard stream", Fix: "unpack it with unzstd"}},
	{0, "\x04\x22\x4d\x18", Type{Name: "an LZ4 stream", Fix: "unpack it with unlz4"}},
	{0, "\xff\x06\x00\x00sNaPpY", Type{Name: "a Snappy stream", Fix: unpack}},
	{0, "LZIP", Type{Name: "an lzip stream", Fix: "unpack it with lzip -d"}},
	{0, "\x1f\x9d", Type{Name: "a stream of Unix compress", Fix: "unpack it with uncompress"}},
	{0, "PK\x03\x04", Type{Name: "a zip archive", Fix: "unpack it with unzip"}},
	{0, "PK\x05\x06", Type{Name: "an empty zip archive", Fix: unpack}},
	{0, "7z\xbc\xaf\x27\x1c", Type{Name: "a 7-Zip archive", Fix: unpack}},
	{0, "Rar!\x1a\x07", Type{Name: "a RAR archive", Fix: unpack}},
	{257, "ustar", Type{Name: "a tar archive", Fix: "unpack it with tar -xf, into a folder for each class where there are classes"}},
}

var tables = []signature{
	{0, "PARE", Type{Name: "an encrypted Parquet file", Fix: "write it without encryption"}},
	{0, "PAR1", Type{Name: "a Parquet file", Fix: byReader("parquet")}},
	{0, "\x93NUMPY", Type{Name: "an array of NumPy", Fix: byReader("npy")}},
	{0, "ARROW1\x00\x00", Type{Name: "an Arrow file", Fix: "convert it to Parquet: pyarrow.parquet.write_table(pyarrow.feather.read_table(IN), OUT), or datasets.load_from_disk(DIR).to_parquet(OUT)"}},
	{0, "\xff\xff\xff\xff????\x10\x00\x00\x00", Type{Name: "an Arrow stream, as Hugging Face's datasets write", Fix: "convert it to Parquet: datasets.load_from_disk(DIR).to_parquet(OUT), or pyarrow.parquet.write_table(pyarrow.ipc.open_stream(IN).read_all(), OUT)"}},
	{0, "FEA1", Type{Name: "a Feather file", Fix: toParquet}},
	{0, "ORC", Type{Name: "an ORC file", Fix: toParquet}},
	{0, "Obj\x01", Type{Name: "an Avro file", Fix: toParquet}},
	{0, "\x89HDF\r\n\x1a\n", Type{Name: "an HDF5 file", Fix: "convert it to NumPy's .npy or .npz, such as by h5py"}},
	{0, "CDF\x01", Type{Name: "a netCDF file", Fix: "convert it to NumPy's .npy or .npz, such as by xarray"}},
	{0, "CDF\x02", Type{Name: "a netCDF file", Fix: "convert it to NumPy's .npy or .npz, such as by xarray"}},
	{0, "CDF\x05", Type{Name: "a netCDF file", Fix: "convert it to NumPy's .npy or .npz, such as by xarray"}},
	{0, "MATLAB 5.0", Type{Name: "a MATLAB file", Fix: "convert it to NumPy's .npz, such as by scipy.io.loadmat"}},
	{0, "MATLAB 7.3", Type{Name: "a MATLAB file", Fix: "convert it to NumPy's .npz, such as by h5py"}},
	{0, "SQLite format 3\x00", Type{Name: "an SQLite database", Fix: toParquet}},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Type{Name: "an Excel file, or another of the old Office", Fix: "save it as CSV"}},
	{0, "RDX2\n", Type{Name: "an R file", Fix: toParquet}},
	{0, "RDX3\n", Type{Name: "an R file", Fix: toParquet}},
	{0, "BAM\x01", Type{Name: "a BAM file", Fix: "convert it to FASTQ: samtools fastq"}},
	{0, "CRAM", Type{Name: "a CRAM file", Fix: "convert it to FASTQ: samtools fastq"}},
	{0, "\x43\x27\x41\x1a", Type{Name: "a 2bit genome", Fix: "convert it to FASTA: twoBitToFa"}},
	{0, "##fileformat=VCF", Type{Name: "a VCF file", Fix: toParquet}},
}

var others = []signature{
	{0, "GGUF", Type{Name: "a GGUF model", Fix: "give the model's safetensors or .pth file"}},
	{0, "version https://git-lfs", Type{Name: "a pointer of Git LFS, not the file itself", Fix: "fetch the file with git lfs pull"}},
	{0, "\x7fELF", Type{Name: "a program", Fix: "give the right file"}},
}

// marked are texts that begin so whatever the case of their letters.
var marked = []signature{
	{0, "<!doctype html", Type{Name: "a web page, such as the answer to a failed download", Fix: "fetch the file itself"}},
	{0, "<html", Type{Name: "a web page, such as the answer to a failed download", Fix: "fetch the file itself"}},
	{0, "<svg", Type{Name: "an SVG drawing", Fix: toPNG}},
	{0, "<?xml", Type{Name: "an XML document", Fix: "give the right file"}},
}
